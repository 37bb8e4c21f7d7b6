# The image of docker/Dockerfile as an AWS Lambda function: the runtime's client in front, all else as it is.
# `python -m pipelines.image_lambda` fills the build context, so the build needs no network.
ARG IMAGE
# hadolint ignore=DL3006 -- the caller names the image with its tag
FROM ${IMAGE} AS build
USER 0
COPY lib /layers/opt/scanops/lib
COPY src /layers/opt/scanops/src
COPY sbom.cdx.json LICENCES.txt /layers/opt/scanops/
WORKDIR /layers/opt/scanops/lib
RUN rm -rf bin \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /layers -p / . \
 && find /layers -exec touch -h -d @0 {} +
USER 10001:10001

# hadolint ignore=DL3006 -- the same image
FROM ${IMAGE}
COPY --from=build /layers/ /
# Lambda asks the runtime's client whether it is well; nothing listens on a port.
HEALTHCHECK NONE
ENTRYPOINT ["python3", "-m", "awslambdaric"]
CMD ["scanops.serving.lambda_start.handler"]

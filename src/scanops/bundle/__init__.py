"""What ships: an ONNX graph with its description, and the one predictor."""

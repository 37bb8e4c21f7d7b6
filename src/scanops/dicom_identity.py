"""Who and where a DICOM file names: which elements, and a pseudonym in the patient's place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

# From the Basic Application Level Confidentiality Profile, DICOM PS3.15 table E.1-1: those of its elements
# that name, number, address or describe a person or a place. Dates of the study, UIDs and free descriptions
# of the examination are in the profile, too, and are left alone here.
EMPTIED = (  # action Z: a dummy or nothing may stand there, the element itself is expected
    "AccessionNumber",
    "PatientBirthDate",
    "PatientName",
    "ReferringPhysicianName",
    "StudyID",
)
REMOVED = (  # action X, or X among others
    "AdditionalPatientHistory",
    "AdmissionID",
    "AuthorObserverSequence",
    "BranchOfService",
    "ConsultingPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "ContentCreatorName",
    "CountryOfResidence",
    "CurrentPatientLocation",
    "CustodialOrganizationSequence",
    "HumanPerformerName",
    "HumanPerformerOrganization",
    "InstitutionAddress",
    "InstitutionCodeSequence",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "InsurancePlanIdentification",
    "MedicalRecordLocator",
    "MilitaryRank",
    "NameOfPhysiciansReadingStudy",
    "NamesOfIntendedRecipientsOfResults",
    "OperatorIdentificationSequence",
    "OperatorsName",
    "OrderCallbackPhoneNumber",
    "OrderEnteredBy",
    "OrderEntererLocation",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientAddress",
    "PatientBirthName",
    "PatientBirthTime",
    "PatientComments",
    "PatientInstitutionResidence",
    "PatientInsurancePlanCodeSequence",
    "PatientMotherBirthName",
    "PatientTelecomInformation",
    "PatientTelephoneNumbers",
    "PerformedLocation",
    "PerformingPhysicianIdentificationSequence",
    "PerformingPhysicianName",
    "PersonAddress",
    "PersonIdentificationCodeSequence",
    "PersonName",
    "PersonTelephoneNumbers",
    "PhysicianApprovingInterpretation",
    "PhysiciansOfRecord",
    "PhysiciansOfRecordIdentificationSequence",
    "PhysiciansReadingStudyIdentificationSequence",
    "ReferringPhysicianAddress",
    "ReferringPhysicianIdentificationSequence",
    "ReferringPhysicianTelephoneNumbers",
    "RegionOfResidence",
    "RequestingPhysician",
    "RequestingPhysicianIdentificationSequence",
    "ResponsibleOrganization",
    "ResponsiblePerson",
    "ScheduledPerformingPhysicianIdentificationSequence",
    "ScheduledPerformingPhysicianName",
    "StationName",
    "VerifyingObserverName",
    "VerifyingObserverSequence",
    "VerifyingOrganization",
)
PATIENT_ID, ISSUER = Tag("PatientID"), Tag("IssuerOfPatientID")
# The issuer of our own pseudonyms, by which they are known again.
OURS = "SCANOPS PSEUDONYM"
# Element (0012,0062): PS3.15 lets dummies stand where the action is Z.
_DECLARED_REMOVED = Tag("PatientIdentityRemoved")

_DUMMIES_ALLOWED = {Tag(name): name for name in (*EMPTIED, "PatientID")}
_NAMING = _DUMMIES_ALLOWED | {Tag(name): name for name in REMOVED}
_PSEUDONYM = re.compile(r"[0-9a-f]{16}")
_MAX_DEPTH = 16
# A sequence of more is not looked into: it holds frames' settings, and parsing it may take a gigabyte.
MAX_SEQUENCE_BYTES = 16 << 20


def pseudonym(data: Dataset) -> str | None:
    """Make a name for the patient that does not tell who it is, and is the same in each of their files.

    It hides the number from readers, not from whoever can try all numbers a hospital gives out.

    Args:
        data: A parsed file.

    Returns:
        The first 16 hex digits of the SHA-256 of issuer and PatientID; None without a PatientID. A pseudonym
        that this function made stays what it is.
    """
    number, issuer = _text(data, PATIENT_ID), _text(data, ISSUER)
    if not number:
        return None
    if _is_pseudonym(number, issuer):
        return number
    told = f"{issuer}\0{number}" if issuer else number
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def named_in(data: Dataset) -> tuple[str, ...]:
    """Name the elements that hold a value and may say who or where, in sequences, too.

    Args:
        data: A parsed file.

    Returns:
        Keywords, sorted, without values.
    """
    declared = _text(data, _DECLARED_REMOVED) == "YES"
    ours = _is_pseudonym(_text(data, PATIENT_ID), _text(data, ISSUER))
    found = set(_named(data, 0))
    if declared:
        found -= set(_DUMMIES_ALLOWED.values())
    return tuple(sorted(found - {"PatientID"} if ours else found))


def _named(data: Dataset, depth: int) -> Iterator[str]:
    for tag in data.keys():  # noqa: SIM118 -- iterating a data set converts each element
        element = data.get_item(tag)
        if tag in _NAMING and _holds_something(element):
            yield _NAMING[tag]
        elif depth < _MAX_DEPTH and _is_sequence(element):
            for item in data[tag].value:
                yield from _named(item, depth + 1)


def _holds_something(element: DataElement | RawDataElement | None) -> bool:
    value = None if element is None else element.value
    return bool(value.strip(b" \0")) if isinstance(value, bytes) else bool(value)


def _is_sequence(element: DataElement | RawDataElement | None) -> bool:
    if element is None or not element.value:
        return False
    # Files in implicit VR do not say what an element is: the dictionary does.
    kind = element.VR or (dictionary_VR(element.tag) if dictionary_has_tag(element.tag) else None)
    if kind != "SQ":
        return False
    return not isinstance(element.value, bytes) or len(element.value) <= MAX_SEQUENCE_BYTES


def _text(data: Dataset, tag: int) -> str:
    """Read a short text as it is stored, whatever its character set claims."""
    element = data.get_item(tag) if tag in data else None
    value = "" if element is None or element.value is None else element.value
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
    return text.strip(" \0")


def _is_pseudonym(number: str, issuer: str) -> bool:
    return issuer == OURS and _PSEUDONYM.fullmatch(number) is not None

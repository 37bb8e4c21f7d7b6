"""Who a DICOM file names: by element, never by value, and a pseudonym that keeps patients apart."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.datadict import dictionary_VR, tag_for_keyword

from scanops import dicom_identity, imaging
from tests import dicom_files
from tests.dicom_files import item

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
NUMBERS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), min_size=5, max_size=40
)


def decoded(**elements: object) -> imaging.Decoded:
    """Write a file and decode it."""
    return imaging.decode(dicom_files.encode(GREY, **elements))


def test_a_file_that_names_nobody() -> None:
    """Without naming elements nothing is reported; nor is an element without a value."""
    assert decoded().identifying == ()
    assert decoded().patient is None
    empty = decoded(PatientName="", PatientID="", InstitutionName=" ")
    assert (empty.identifying, empty.patient) == ((), None)


@pytest.mark.parametrize("keyword", [*dicom_identity.EMPTIED, *dicom_identity.REMOVED, "PatientID"])
def test_each_element_is_reported_by_its_name(keyword: str) -> None:
    """Every element of the list is found, alone and within a sequence; its value is not kept."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, "not in the data dictionary"
    kind = dictionary_VR(tag)
    texts = {"DA": "19700101", "TM": "101112", "CS": "ROE", "AS": "070Y"}
    value = [item(CodeValue="Roe")] if kind == "SQ" else texts.get(kind, "Jane Roe")
    found = decoded(**{keyword: value})
    assert found.identifying == (keyword,)
    assert "Roe" not in repr(found)
    nested = decoded(ReferencedStudySequence=[item(ReferencedSeriesSequence=[item(**{keyword: value})])])
    assert nested.identifying == (keyword,)


def test_the_elements_that_matter_most_are_listed() -> None:
    """The list holds at least what any reader would look for first."""
    listed = {*dicom_identity.EMPTIED, *dicom_identity.REMOVED}
    assert listed >= {
        "PatientName",
        "PatientBirthDate",
        "PatientAddress",
        "OtherPatientIDs",
        "PatientTelephoneNumbers",
        "ReferringPhysicianName",
        "PerformingPhysicianName",
        "OperatorsName",
        "InstitutionName",
        "InstitutionAddress",
        "AccessionNumber",
        "StudyID",
    }


def test_dummies_are_taken_for_dummies() -> None:
    """A file that declares its patient removed may keep dummies where the standard expects a value."""
    dummies = {"PatientName": "TCGA-01", "PatientID": "TCGA-01", "StudyID": "1"}
    assert decoded(PatientIdentityRemoved="YES", **dummies).identifying == ()
    assert decoded(PatientIdentityRemoved="NO", **dummies).identifying == (
        "PatientID",
        "PatientName",
        "StudyID",
    )
    kept = decoded(PatientIdentityRemoved="YES", InstitutionName="Clinic", **dummies)
    assert kept.identifying == ("InstitutionName",)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_pseudonym_tells_patients_apart_and_nothing_else(one: str, other: str) -> None:
    """It is 16 hex digits, the same for the same number, another for another, and holds neither."""
    first, again, second = (decoded(PatientID=number).patient for number in (one, one, other))
    assert first == again
    assert (first == second) == (one == other)
    assert re.fullmatch("[0-9a-f]{16}", str(first))
    assert one not in str(first)


def test_issuer_is_part_of_the_patient() -> None:
    """Number 7 of one hospital is not number 7 of another; spaces that pad a value mean nothing."""
    found = {decoded(PatientID="7", IssuerOfPatientID=issuer).patient for issuer in (None, "A", "B", "B ")}
    assert len(found) == 3


def test_own_pseudonym_is_kept_and_names_nobody() -> None:
    """A file whose number is a pseudonym already belongs to the same patient, and is not reported."""
    patient = decoded(PatientID="4711").patient
    again = decoded(PatientID=patient, IssuerOfPatientID=dicom_identity.OURS)
    assert (again.patient, again.identifying) == (patient, ())
    foreign = decoded(PatientID=patient)
    assert (foreign.patient != patient, foreign.identifying) == (True, ("PatientID",))


def test_sequences_of_implicit_files_are_looked_into() -> None:
    """Where a file does not say that an element is a sequence, the dictionary does."""
    made = dicom_files.dataset(GREY, ReferencedStudySequence=[item(PatientName="Jane Roe")])
    made.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    made["PixelData"].VR = "OW"
    assert imaging.decode(dicom_files.written(made)).identifying == ("PatientName",)


def test_large_sequences_are_not_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would take too long to look into is passed over."""
    monkeypatch.setattr(dicom_identity, "MAX_SEQUENCE_BYTES", 10)
    assert decoded(ReferencedStudySequence=[item(PatientName="Jane Roe")]).identifying == ()

"""The certificate policy, both ways."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from reseal.wire.enrolment.errors import EnrolmentError
from reseal.wire.enrolment.names import Action
from reseal.wire.enrolment.policy import (
    NO_POLICY,
    CertificatePolicy,
    GetPolicies,
    read_get_policies,
    read_get_policies_response,
    write_get_policies,
    write_get_policies_response,
)
from reseal.wire.enrolment.security import read_security
from reseal.wire.enrolment.soap import Header, read_envelope
from tests.unit.wire.enrolment.shapes import GET_POLICIES, JWT, header, one_line

REPLY = Header(action=Action.GET_POLICIES_RESPONSE, relates_to="urn:uuid:2")
POLICY = "{http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy}"


def written(policy: CertificatePolicy) -> bytes:
    return write_get_policies_response(policy, REPLY)


def read(text: str) -> CertificatePolicy:
    return read_get_policies_response(read_envelope(text.encode()))


# --- the request


def test_a_request_with_token_and_tpm() -> None:
    envelope = read_envelope(GET_POLICIES.encode())
    assert read_get_policies(envelope) == GetPolicies(
        tpm_manufacturer="INTC", tpm_firmware_version="500.16.0.0"
    )
    assert read_security(envelope) == JWT


def test_the_request_is_written_as_windows_writes_it() -> None:
    request = GetPolicies(tpm_manufacturer="INTC", tpm_firmware_version="500.16.0.0")
    asked = write_get_policies(request, header(Action.GET_POLICIES, 2, "Policy.svc"), JWT)
    assert asked == one_line(GET_POLICIES)


def test_what_stands_beside_the_request_is_left_out() -> None:
    beside = GET_POLICIES.replace("</GetPolicies>", "</GetPolicies><ac:AdditionalContext/>")
    tpm = beside[beside.index("<TPM") : beside.index("</client>")]
    assert read_get_policies(read_envelope(beside.replace(tpm, "").encode())) == GetPolicies()
    bare = b"<Envelope><Body><GetPolicies/></Body></Envelope>"
    assert read_get_policies(read_envelope(bare)) == GetPolicies()


# --- the answer

ANSWER = """
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<s:Header>
 <a:Action s:mustUnderstand="1">http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPoliciesResponse</a:Action>
 <a:RelatesTo>urn:uuid:2</a:RelatesTo>
</s:Header>
<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <GetPoliciesResponse xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy">
  <response>
   <policyID/><policyFriendlyName xsi:nil="true"/><nextUpdateHours xsi:nil="true"/>
   <policiesNotChanged xsi:nil="true"/>
   <policies><policy>
     <policyOIDReference>0</policyOIDReference><cAs xsi:nil="true"/>
     <attributes>
      <commonName>MDM device</commonName><policySchema>3</policySchema>
      <certificateValidity>
       <validityPeriodSeconds>31536000</validityPeriodSeconds><renewalPeriodSeconds>5184000</renewalPeriodSeconds>
      </certificateValidity>
      <permission><enroll>true</enroll><autoEnroll>false</autoEnroll></permission>
      <privateKeyAttributes>
       <minimalKeyLength>2048</minimalKeyLength><keySpec xsi:nil="true"/><keyUsageProperty xsi:nil="true"/>
       <permissions xsi:nil="true"/><algorithmOIDReference xsi:nil="true"/>
       <cryptoProviders>
        <provider>Microsoft Platform Crypto Provider</provider>
        <provider>Microsoft Software Key Storage Provider</provider>
       </cryptoProviders>
      </privateKeyAttributes>
      <revision><majorRevision>101</majorRevision><minorRevision>0</minorRevision></revision>
      <supersededPolicies xsi:nil="true"/><privateKeyFlags xsi:nil="true"/><subjectNameFlags xsi:nil="true"/>
      <enrollmentFlags xsi:nil="true"/><generalFlags xsi:nil="true"/>
      <hashAlgorithmOIDReference>0</hashAlgorithmOIDReference>
      <rARequirements xsi:nil="true"/><keyArchivalAttributes xsi:nil="true"/><extensions xsi:nil="true"/>
     </attributes>
   </policy></policies>
  </response>
  <cAs xsi:nil="true"/>
  <oIDs><oID>
   <value>2.16.840.1.101.3.4.2.1</value><group>1</group><oIDReferenceID>0</oIDReferenceID>
   <defaultName>szOID_NIST_sha256</defaultName>
  </oID></oIDs>
 </GetPoliciesResponse>
</s:Body>
</s:Envelope>
"""


def test_the_answer_is_written_as_the_protocol_shows_it() -> None:
    assert written(CertificatePolicy()) == one_line(ANSWER)


def test_mdm_wire_020_the_policy_asks_for_2048_bits_and_sha_256() -> None:
    answer = etree.fromstring(written(CertificatePolicy())).find(f".//{POLICY}GetPoliciesResponse")
    attributes = answer.find(f".//{POLICY}attributes")
    assert int(attributes.findtext(f".//{POLICY}minimalKeyLength")) >= 2048
    assert attributes.findtext(f"{POLICY}policySchema") == "3"
    reference = attributes.findtext(f"{POLICY}hashAlgorithmOIDReference")
    named = {
        oid.findtext(f"{POLICY}oIDReferenceID"): oid.findtext(f"{POLICY}value")
        for oid in answer.iter(f"{POLICY}oID")
    }
    assert named[reference] == "2.16.840.1.101.3.4.2.1"


def test_short_keys_are_never_asked_for() -> None:
    with pytest.raises(EnrolmentError):
        written(CertificatePolicy(key_bits=1024))


def test_the_first_policy_and_the_hash_it_refers_to() -> None:
    text = ANSWER.replace(">0</hashAlgorithmOIDReference>", ">7</hashAlgorithmOIDReference>").replace(
        "<oIDs>",
        "<oIDs><oID><value>1.2.3</value><oIDReferenceID>7</oIDReferenceID></oID>",
    )
    assert read(text).hash_algorithm == "1.2.3"


def test_an_answer_without_policy_means_2048_bits_and_sha_1() -> None:
    text = "<Envelope><Body><GetPoliciesResponse><response/></GetPoliciesResponse></Body></Envelope>"
    assert read(text) == NO_POLICY
    assert (NO_POLICY.key_bits, NO_POLICY.hash_algorithm) == (2048, "1.3.14.3.2.26")


def test_a_policy_that_leaves_things_out() -> None:
    text = (
        "<Envelope><Body><GetPoliciesResponse><response><policies><policy><attributes><privateKeyAttributes>"
        '<cryptoProviders xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
        "</privateKeyAttributes></attributes></policy></policies></response></GetPoliciesResponse></Body></Envelope>"
    )
    assert read(text) == dataclasses.replace(NO_POLICY, validity=timedelta(0), renewal=timedelta(0))


seconds = st.integers(0, 10**9).map(lambda number: timedelta(seconds=number))
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
policies = st.builds(
    CertificatePolicy,
    name=words,
    key_bits=st.integers(2048, 16384),
    hash_algorithm=st.sampled_from(["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"]),
    crypto_providers=st.lists(words, max_size=3).map(tuple),
    validity=seconds,
    renewal=seconds,
)


@given(policies)
def test_policies_read_back(policy: CertificatePolicy) -> None:
    assert read_get_policies_response(read_envelope(written(policy))) == policy

"""A provisioning document, as value and as text."""

import base64
from datetime import timedelta

from reseal.wire.enrolment.provisioning import (
    DURING_SET_UP,
    Application,
    Certificates,
    CertificateSearch,
    Credentials,
    ProviderSettings,
    ProvisioningDocument,
    Renewal,
    StoreScope,
    thumbprint,
)

ROOT, CA, CLIENT = b"der of the root", b"der of the issuer", b"der of the device"
SERVER_NONCE, DEVICE_NONCE = bytes(range(16)), bytes(range(16, 32))
DEVICE_ID = "5EDE6E7A7B7741BDBFE0EF29CA70A3FB"

CERTIFICATES = Certificates(
    client=CLIENT, scope=StoreScope.SYSTEM, intermediate=CA, root=ROOT, renewal=Renewal()
)
APPLICATION = Application(
    name="Reseal MDM",
    address="https://mdm.contoso.test/ManagementServer/MDM.svc",
    server_credentials=Credentials(secret="server secret", nonce=SERVER_NONCE),
    device_credentials=Credentials(name="dev-0001", secret="device secret", nonce=DEVICE_NONCE),
    certificate_search=CertificateSearch(subject=f"CN={DEVICE_ID}", scope=StoreScope.SYSTEM),
    retries=6,
    initial_backoff=timedelta(seconds=30),
    max_backoff=timedelta(minutes=2),
    older_protocol=False,
)
PROVIDER = ProviderSettings(
    device_id=DEVICE_ID,
    upn="adele@contoso.test",
    device_name="adele_Windows",
    poll=DURING_SET_UP,
)
DOCUMENT = ProvisioningDocument(
    provider_id="Reseal", certificates=CERTIFICATES, application=APPLICATION, provider=PROVIDER
)


def stored(der: bytes) -> str:
    value = base64.b64encode(der).decode()
    return (
        f'<characteristic type="{thumbprint(der)}">'
        f'<parm name="EncodedCertificate" value="{value}"/></characteristic>'
    )


STORE_TEXT = f"""
 <characteristic type="CertificateStore">
  <characteristic type="Root"><characteristic type="System">{stored(ROOT)}</characteristic></characteristic>
  <characteristic type="CA"><characteristic type="System">{stored(CA)}</characteristic></characteristic>
  <characteristic type="My">
   <characteristic type="System">
    {stored(CLIENT)}
    <characteristic type="PrivateKeyContainer"/>
   </characteristic>
   <characteristic type="WSTEP"><characteristic type="Renew">
     <parm name="ROBOSupport" value="true" datatype="boolean"/>
     <parm name="RenewPeriod" value="60" datatype="integer"/>
     <parm name="RetryInterval" value="4" datatype="integer"/>
   </characteristic></characteristic>
  </characteristic>
 </characteristic>
"""
ACCOUNT_TEXT = f"""
 <characteristic type="APPLICATION">
  <parm name="APPID" value="w7"/>
  <parm name="PROVIDER-ID" value="Reseal"/>
  <parm name="NAME" value="Reseal MDM"/>
  <parm name="ADDR" value="https://mdm.contoso.test/ManagementServer/MDM.svc"/>
  <parm name="CONNRETRYFREQ" value="6"/>
  <parm name="INITIALBACKOFFTIME" value="30000"/>
  <parm name="MAXBACKOFFTIME" value="120000"/>
  <parm name="BACKCOMPATRETRYDISABLED"/>
  <parm name="DEFAULTENCODING" value="application/vnd.syncml.dm+xml"/>
  <parm name="SSLCLIENTCERTSEARCHCRITERIA" value="Subject=CN%3D{DEVICE_ID}&amp;Stores=My%5CSystem"/>
  <characteristic type="APPAUTH">
   <parm name="AAUTHLEVEL" value="CLIENT"/><parm name="AAUTHTYPE" value="DIGEST"/>
   <parm name="AAUTHSECRET" value="server secret"/><parm name="AAUTHDATA" value="AAECAwQFBgcICQoLDA0ODw=="/>
  </characteristic>
  <characteristic type="APPAUTH">
   <parm name="AAUTHLEVEL" value="APPSRV"/><parm name="AAUTHTYPE" value="DIGEST"/>
   <parm name="AAUTHNAME" value="dev-0001"/><parm name="AAUTHSECRET" value="device secret"/>
   <parm name="AAUTHDATA" value="EBESExQVFhcYGRobHB0eHw=="/>
  </characteristic>
 </characteristic>
"""
PROVIDER_TEXT = f"""
 <characteristic type="DMClient"><characteristic type="Provider"><characteristic type="Reseal">
   <parm name="EntDMID" value="{DEVICE_ID}" datatype="string"/>
   <parm name="UPN" value="adele@contoso.test" datatype="string"/>
   <parm name="EntDeviceName" value="adele_Windows" datatype="string"/>
   <characteristic type="Poll">
    <parm name="NumberOfFirstRetries" value="0" datatype="integer"/>
    <parm name="IntervalForFirstSetOfRetries" value="1" datatype="integer"/>
    <parm name="NumberOfSecondRetries" value="0" datatype="integer"/>
    <parm name="IntervalForSecondSetOfRetries" value="0" datatype="integer"/>
    <parm name="NumberOfRemainingScheduledRetries" value="0" datatype="integer"/>
    <parm name="IntervalForRemainingScheduledRetries" value="1560" datatype="integer"/>
    <parm name="PollOnLogin" value="true" datatype="boolean"/>
    <parm name="AllUsersPollOnFirstLogin" value="true" datatype="boolean"/>
   </characteristic>
 </characteristic></characteristic></characteristic>
"""


def document(*parts: str) -> str:
    return f'<wap-provisioningdoc version="1.1">{"".join(parts)}</wap-provisioningdoc>'


TEXT = document(STORE_TEXT, ACCOUNT_TEXT, PROVIDER_TEXT)

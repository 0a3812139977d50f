"""Messages in the shapes that clients send, with values of our own, and any message for property tests.

The shapes are those of published samples and of independent clients (spec/mdm-wire.md 3.9, 7.1).
"""

from typing import Final

from hypothesis import strategies as st

from reseal.wire.syncml import (
    Add,
    Alert,
    Atomic,
    Chal,
    Command,
    Cred,
    Delete,
    Exec,
    Get,
    Item,
    Message,
    Meta,
    Replace,
    Results,
    Sequence,
    Status,
    SyncHdr,
    XmlContent,
    numbered,
)

DEVICE: Final = "5EDE6E7A7B7741BDBFE0EF29CA70A3FB"
SERVER: Final = "https://mdm.contoso.test/ManagementServer/MDM.svc"

_HEADER: Final = (
    "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>"
    f"<Target><LocURI>{SERVER}</LocURI></Target><Source><LocURI>{DEVICE}</LocURI></Source></SyncHdr>"
)


def message(body: str, namespace: str = "SYNCML:SYNCML1.2") -> bytes:
    """A message of a device with `body` in its SyncBody."""
    return f'<SyncML xmlns="{namespace}">{_HEADER}<SyncBody>{body}</SyncBody></SyncML>'.encode()


def meta(**fields: str) -> str:
    """A Meta element; its children are of another namespace."""
    inside = (f'<{name} xmlns="syncml:metinf">{text}</{name}>' for name, text in fields.items())
    return f"<Meta>{''.join(inside)}</Meta>"


def alert(code: int, item: str) -> bytes:
    """A message with one alert."""
    return message(f"<Alert><CmdID>2</CmdID><Data>{code}</Data><Item>{item}</Item></Alert><Final/>")


FIRST_OF_WINDOWS: Final = message("""
 <Alert><CmdID>2</CmdID><Data>1201</Data></Alert>
 <Alert><CmdID>3</CmdID><Data>1224</Data>
  <Item><Meta><Type xmlns="syncml:metinf">com.microsoft/MDM/LoginStatus</Type></Meta>
   <Data>others</Data></Item>
 </Alert>
 <Replace><CmdID>4</CmdID>
  <Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>5EDE6E7A7B7741BDBFE0EF29CA70A3FB</Data></Item>
  <Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>Contoso</Data></Item>
  <Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>Book 5</Data></Item>
  <Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.3</Data></Item>
  <Item><Source><LocURI>./DevInfo/Lang</LocURI></Source><Data>en-US</Data></Item>
 </Replace><Final/>""")

FIRST_OF_A_SCRIPT: Final = f"""<?xml version = "1.0" encoding = "UTF-8" ?>
<SyncML>
\t<SyncHdr>
\t\t<VerDTD>1.2</VerDTD>
\t\t<VerProto>DM/1.2</VerProto>
\t\t<SessionID>12</SessionID>
\t\t<MsgID>1</MsgID>
\t\t<Target>
\t\t\t<LocURI>{SERVER}</LocURI>
\t\t</Target>
\t\t<Source>
\t\t\t<LocURI>
\t\t\t\tDESKTOP-1
\t\t\t</LocURI>
\t\t</Source>
\t</SyncHdr>
\t<SyncBody>
\t\t<Replace>
\t\t\t<CmdID>6</CmdID>
\t\t\t<Item>
\t\t\t\t<Source><LocURI>./DevInfo/DevId</LocURI></Source>
\t\t\t\t<Data>DESKTOP-1</Data>
\t\t\t</Item>
\t\t</Replace>
\t\t<Final></Final>
\t</SyncBody>
</SyncML>
""".encode()
"""No namespace, no alert, white space everywhere."""

PREFIXED: Final = f"""<s:SyncML xmlns:s="SYNCML:SYNCML1.2" xmlns:m="syncml:metinf"><s:SyncBody><s:Final/>
<s:Alert><s:Item><s:Data xmlns="SYNCML:SYNCML1.2">user</s:Data><s:Meta><m:Format>chr</m:Format>
<m:Type>com.microsoft/MDM/LoginStatus</m:Type></s:Meta></s:Item><s:Data>1224</s:Data><s:CmdID>2</s:CmdID>
</s:Alert></s:SyncBody><s:SyncHdr><s:Source><s:LocName>dev-0001</s:LocName><s:LocURI>{DEVICE}</s:LocURI>
</s:Source><s:Target><s:LocURI>{SERVER}</s:LocURI></s:Target><s:MsgID>1</s:MsgID><s:SessionID>00A7</s:SessionID>
<s:VerProto>DM/1.2</s:VerProto><s:VerDTD>1.2</s:VerDTD></s:SyncHdr></s:SyncML>""".encode()
"""Everything in another order, with prefixes."""

INSTALL: Final = message(
    """
    <Add>
      <CmdID>1</CmdID>
      <Item>
        <Target>
        <LocURI>./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B11111111-2222-3333-4444-555555555555%7D/DownloadInstall
        </LocURI>
        </Target>
      </Item>
    </Add>
    <Exec>
      <CmdID>6</CmdID>
      <Item>
        <Target>
          <LocURI>./Device/Vendor/MSFT/EnterpriseDesktopAppManagement/MSI/%7B11111111-2222-3333-4444-555555555555%7D/DownloadInstall</LocURI>
        </Target>
        <Meta>
          <Format xmlns="syncml:metinf">xml</Format>
          <Type xmlns="syncml:metinf">text/plain</Type>
        </Meta>
        <Data>
          <MsiInstallJob id="{11111111-2222-3333-4444-555555555555}">
            <Product Version="1.2.0.0">
              <Download>
                <ContentURLList>
                  <ContentURL>
                    https://one.contoso.test/content/agent.msi?a=1&amp;b=2
                  </ContentURL>
                  <ContentURL>https://two.contoso.test/content/agent.msi</ContentURL>
                </ContentURLList>
              </Download>
              <Validation>
<FileHash>134D8F1F7C3C036DC3DCDA9F97515C8C7951DB154B73365C9C22962BD23E3EB3</FileHash>
              </Validation>
              <Enforcement>
                <CommandLine>/quiet</CommandLine>
                <TimeOut>5</TimeOut>
                <RetryCount>3</RetryCount>
                <RetryInterval>5</RetryInterval>
              </Enforcement>
            </Product>
          </MsiInstallJob>
        </Data>
      </Item>
    </Exec>
    <Final/>
    """,
    namespace="SYNCML:SYNCML1.1",
)
"""A server's message, as far as its body goes."""


# --- any message

_TEXT = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)
_NAME = st.text("abcXYZ019./%-_~&<>\"'äß\uf000", min_size=1, max_size=12)
_NUMBER = st.integers(0, 99_999)
_SIZE = st.none() | _NUMBER
_CONTENT = st.sampled_from(
    [
        "<a/>",
        '<enabled/><data id="x" value="1"/>',
        '<a b="&lt;&quot;"><c>d &amp; e</c></a>',
        '<a xmlns="x:y"/>',
    ]
).map(XmlContent)

METAS = st.builds(
    Meta,
    format=st.sampled_from(["", "chr", "int", "node"]),
    type=st.just("") | _NAME,
    mark=st.sampled_from(["", "informational"]),
    size=_SIZE,
    max_msg_size=_SIZE,
    max_obj_size=_SIZE,
)
ITEMS = st.builds(
    Item,
    target=st.just("") | _NAME,
    source=st.just("") | _NAME,
    meta=METAS,
    data=st.none() | _TEXT | _CONTENT,
    more_data=st.booleans(),
)
_SOME_ITEMS = st.lists(ITEMS, max_size=2).map(tuple)


def _with_items(kind: type[Add | Replace | Get | Delete | Exec]) -> st.SearchStrategy[Command]:
    return st.builds(kind, items=_SOME_ITEMS)


_SAFE_IN_ATOMIC: Final[st.SearchStrategy[Command]] = st.one_of(*map(_with_items, (Replace, Delete, Exec)))
_PLAIN: Final[st.SearchStrategy[Command]] = st.one_of(
    *map(_with_items, (Add, Replace, Get, Delete, Exec)),
    st.builds(Results, msg_ref=_NUMBER, cmd_ref=_NAME, items=_SOME_ITEMS),
    st.builds(Alert, code=_NUMBER, items=_SOME_ITEMS),
    st.builds(
        Status,
        msg_ref=_NUMBER,
        cmd_ref=_NAME,
        cmd=_NAME,
        code=_NUMBER,
        target_ref=st.just("") | _NAME,
        source_ref=st.just("") | _NAME,
        chal=st.none() | st.builds(Chal, type=_NAME, next_nonce=st.binary(max_size=20)),
        items=_SOME_ITEMS,
    ),
)
COMMANDS: Final[st.SearchStrategy[Command]] = st.one_of(
    _PLAIN,
    st.builds(Atomic, commands=st.lists(_SAFE_IN_ATOMIC, max_size=3).map(tuple)),
    st.builds(Sequence, commands=st.lists(_PLAIN, max_size=3).map(tuple)),
)
HEADERS = st.builds(
    SyncHdr,
    session_id=_NAME,
    msg_id=st.integers(1, 9_999_999_999),
    target=_NAME,
    source=_NAME,
    source_name=st.just("") | _NAME,
    resp_uri=st.just("") | _NAME,
    cred=st.none() | st.builds(Cred, type=_NAME, data=_NAME),
    meta=METAS,
)
MESSAGES = st.builds(
    Message,
    header=HEADERS,
    commands=st.lists(COMMANDS, max_size=5).map(numbered),
    final=st.booleans(),
)

"""A device for testing servers from outside: a second reading of the protocols.

Everything here was written from the specifications (`mdm-wire.md`, `identity.md`, `device-artifacts.md`)
and the page on the runtime channel, and from nothing else. It imports no product code, nor a library with
which the product reads messages, which import-linter holds: so a misreading in the product is not made
twice. HTTP, XML, JWS and TPM are the standard library's, or written down here once more; only RSA, X.509
and AES come from `cryptography`.

The client is strict where the specifications say what a server must do: it raises `Broken` with a sentence.
What a server may refuse is raised as `Refused`, with what the server said.

    web           HTTPS with and without a client certificate
    jws           signed tokens, made and read
    signing       the sign-in page, codes, tokens, requests signed by the device
    codes         a device's code, answered in a browser
    joining       the device registration service
    channel       the runtime channel: profile, attestation, join by ticket
    hardware, tpm a machine: its hardware hash, its TPM
    enrolment     discovery, policies, the enrolment itself
    provisioning  the document that comes with it
    syncml        messages of a management session
    tree          the nodes of the device, and what happened to them
    packages      jobs for Windows Installer packages
    session       one management session
    page          the Enrollment Status Page, as it is fed over the tree
    device        all of it together
"""

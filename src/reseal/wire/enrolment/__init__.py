"""Enrolment into management as Windows does it: SOAP messages and the document that ends it.

A device discovers (`discovery`), asks for the certificate policy (`policy`) and for a certificate
(`request`), and is answered with a provisioning document (`response`). Each of these modules reads and writes
both directions: the server's side and the device's. `soap` holds envelopes, `security` the credentials in
them, `faults` how a server declines, `handback` how its sign-in page ends; `pkcs10` and `pkcs7` read what is
asked for, `provisioning` says what is given, `provisioning_writing` and `provisioning_reading` turn it into
the document and back. `names` has the fixed strings.

Readers take what real clients send: any prefix, order and white space, optional parts missing. Writers write
what the protocol's examples show and refuse what Windows could not follow. All that is wrong with input is
an `errors.EnrolmentError` or `wire.xml.XmlError`.

Nothing here decides who may enrol: a token that was read is not yet one that is true. Sources:
spec/mdm-wire.md 0 to 2, MS-MDE2, MS-XCEP, MS-WSTEP. Importing this package loads nothing.
"""

"""Codecs of the formats that Reseal reads and writes, without I/O: bytes or text in, values out.

`wire.hwhash`          the hardware hash (OA3 blob): decode, encode, identity evidence, matching
`wire.devicecsv`       the device list as CSV, as the collecting tool and the partner portal write it
`wire.msi`             the properties of a Windows Installer package
`wire.offline_profile` AutopilotConfigurationFile.json
`wire.syncml`          the messages of OMA-DM sessions
`wire.csp`             addresses and values of Windows' configuration service providers
`wire.enrolment`       discovery, certificate policy, enrolment, and the provisioning document
`wire.tpm`             TPM 2.0 structures, what keys state of themselves, credentials, event logs
`wire.xml`             what the formats made of XML stand on: hardened parsing, escaping

What comes in was written by others: a codec answers any input with a value or with a subclass of
`wire.errors.WireError`, which says what is wrong, where, and what to do about it. Work and memory are
bounded by the size of the input.

A module here never opens a file or a socket, never reads the clock, never draws a random number, and never
imports another package of reseal. Importing `reseal.wire` itself loads nothing: import the codec you need.
"""

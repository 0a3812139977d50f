"""What can be delivered to devices and users: policies, certificates, Wi-Fi profiles and apps, with their
content.

An item has a kind, a name, a typed body (`PolicyBody`, `CertificateBody`, `WifiBody`, `AppBody`) and a
version. The version rises at each real change and only then, so that what a device holds can be compared with
what it should hold; saving an item as it already is changes nothing. `parsing` turns what administrators
upload (PEM, WLAN profiles, MSI files) into bodies and refuses what would fail on the device later. Content of
apps lies in the blob store under its SHA-256; an item only names it.

Assignments belong to `assignment`, delivery to `managed` and `mdm`. This package must never write key
material into an event, a log or a `repr`.
"""

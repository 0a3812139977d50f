"""Reseal: a self-hosted, open implementation of Windows Autopilot pre-provisioned deployment."""

"""Tables of `managed`: enrolments, their certificates and users, deliveries."""

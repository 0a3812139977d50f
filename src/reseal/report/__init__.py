"""What is said about many devices at once: lists with filters, reports, figures, the bench, the log in words.

- `roster` lists registered devices with where each stands, sorted and filtered, a page at a time;
- `device` gathers everything that is known of one, `assigned` what it gets and why;
- `deployments` is the report *Autopilot deployments* with its columns, `figures` what can be drawn of it;
- `bench` is what a technician's screen shows, `scanned` finds the device of a scanned code;
- `audit` says each event of the log as a sentence.

It reads what the packages below keep, with few statements for many rows, and changes nothing.
"""

"""What tests stand on: a clock moved by hand, fresh databases, parts of the system found or missed.

Nothing here knows a feature; helpers of one package's tests live beside those tests.
"""

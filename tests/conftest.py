"""Set up torch, hypothesis and Ctrl-C for all tests.

Torch gets one thread, because small networks are slower on several. Hypothesis gets no deadline,
because any example can take long on a busy machine. Ctrl-C works as usual even if a shell starts
the tests in the background; otherwise they, and the processes that they start, would ignore it.
"""

import signal

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

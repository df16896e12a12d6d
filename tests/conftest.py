"""One thread for torch: networks as small as those of the tests are slower on several. No deadline
for hypothesis: a busy machine can make any example take long. And Ctrl-C as usual: a shell that
starts the tests in the background has it ignored, in them and in all processes that they start."""

import signal

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

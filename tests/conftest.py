"""One thread for torch: networks as small as those of the tests are slower on several. And no
deadline for hypothesis: a busy machine can make any example take long."""

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

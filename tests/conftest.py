"""One thread for torch: networks as small as those of the tests are slower on several."""

import torch

torch.set_num_threads(1)

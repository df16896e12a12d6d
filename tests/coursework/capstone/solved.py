"""A solved capstone, as a student would hand it in."""

import numpy as np
import torch
from torch.distributions import Categorical


def forward(weight, obs):
    return torch.log_softmax(obs @ weight, dim=-1)


def returns(rew, end, gamma):
    found, following = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        following = rew[t] + gamma * (0.0 if end[t] else following)
        found[t] = following
    return found


def loss(log_prob, rets):
    return -(log_prob * rets).mean()


def train(env, seed):
    torch.manual_seed(seed)
    weight = torch.zeros(env.observation_space.shape[0], int(env.action_space.n)).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=0.1)

    def policy(obs):
        return Categorical(logits=forward(weight, torch.as_tensor(obs)))

    def act(obs):
        return policy(obs).sample().item()

    obs, _ = env.reset(seed=seed)
    for _ in range(95):
        seen, acts, rew, end = [], [], [], []
        while sum(end) < 32:
            seen.append(obs)
            acts.append(act(obs))
            obs, reward, terminated, truncated, _ = env.step(acts[-1])
            rew.append(reward)
            end.append(terminated or truncated)
            if end[-1]:
                obs, _ = env.reset()
        rets = torch.as_tensor(returns(np.array(rew), np.array(end), 0.6)).float()
        log_prob = policy(np.array(seen)).log_prob(torch.tensor(acts))
        optimizer.zero_grad()
        loss(log_prob, rets).backward()
        optimizer.step()
    return act

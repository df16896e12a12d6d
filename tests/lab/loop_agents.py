"""Training loops as people write them, with a switch for each mistake; they are not PGPolicies.

    episodes(...)   one environment, log-probabilities kept while acting, a backward pass per batch
    rollouts(...)   a vector of environments, T steps each; a critic; PPO if epochs > 1
    with_critic()   episodes, with a critic that has an optimizer of its own
    recurrent()     episodes, with a GRU that passes its hidden state on
    by_hand(...)    no torch.distributions: log_softmax, gather, and numpy draws

Each returns a function train(env, seed) for `probe_loop`.
"""

from itertools import pairwise

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import nn
from torch.distributions import Categorical, Independent, Normal

GAMMA = 0.6


def net(sizes, gain=None):
    layers = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    if gain is not None:
        nn.init.orthogonal_(layers[-2].weight, gain)
    return nn.Sequential(*layers[:-1])


# One environment at a time.


def returns_of(rewards, wrong):
    """Return the returns of one episode, or what a mistake makes of them."""
    gamma = {"undiscounted": 1.0, "gamma twice": GAMMA**2}.get(wrong, GAMMA)
    if wrong == "immediate":
        return list(rewards)
    if wrong == "clip":
        rewards = np.clip(rewards, -1, 1)
    if wrong == "backwards":
        rewards = rewards[::-1]
    total, returns = 0.0, []
    for reward in reversed(rewards):
        total = reward + gamma * total
        returns.insert(0, total)
    if wrong == "abs":
        returns = [abs(r) for r in returns]
    if wrong == "own reward missing":
        returns = [*returns[1:], 0.0]
    if wrong == "total":  # right, with more variance
        returns = [returns[0]] * len(returns)
    return returns


def episodes(wrong="", *, batch=16, lr=0.05, hidden=(), entropy=0.0, optim=torch.optim.Adam):
    """REINFORCE as in the tutorials: log-probabilities are kept while acting."""

    def train(env, seed):
        model = net([env.observation_space.shape[0], *hidden, int(env.action_space.n)])
        decoy = net([2, 2])
        learner = decoy if wrong == "other parameters" else model
        optimizer = optim(learner.parameters(), lr=0.0 if wrong == "rate zero" else lr)

        def act(obs):
            return Categorical(logits=model(torch.as_tensor(obs))).sample().item()

        kept, count = [], 0
        obs, _ = env.reset(seed=seed)
        while True:
            log_probs, rewards, entropies, done = [], [], [], False
            while not done:
                x = torch.as_tensor(obs) * (0.0 if wrong == "blind" else 1.0)
                dist = Categorical(logits=model(x))
                action = dist.probs.argmax() if wrong == "greedy" else dist.sample()
                log_probs.append(dist.log_prob(action))
                entropies.append(dist.entropy())
                if wrong == "epsilon" and np.random.rand() < 0.5:
                    action = torch.tensor(env.action_space.sample())
                new, reward, terminated, truncated, _ = env.step(action.item())
                obs = obs if wrong == "stale observation" else new
                rewards.append(float(reward))
                done = terminated if wrong == "done" else terminated or truncated
            returns = returns_of(rewards, wrong)
            if wrong == "last step alone":
                log_probs, returns = log_probs[-1:], returns[-1:]
            kept.append((torch.stack(log_probs), torch.tensor(returns), torch.stack(entropies)))
            obs, _ = env.reset(seed=seed if wrong == "same seed" else None)
            count += 1
            if count % batch == 0:
                learn(kept, optimizer, wrong, entropy)
                kept = []

    return train


def learn(kept, optimizer, wrong, entropy):
    """One gradient step on the kept episodes."""
    if wrong == "one of them":
        kept = kept[:1]
    if wrong == "standardized per episode":
        kept = [(p, (r - r.mean()) / (r.std(unbiased=False) + 1e-8), e) for p, r, e in kept]
    if wrong == "divided by length":
        loss = torch.stack([-(p * r).mean() for p, r, _ in kept]).mean()
    else:
        log_prob = torch.cat([p for p, _, _ in kept])
        returns = torch.cat([r for _, r, _ in kept]).float()
        if wrong == "shuffled":
            returns = returns[torch.randperm(len(returns))]
        if wrong == "table":
            returns = returns[:, None]
        if wrong == "standardized":  # right: a baseline and a scale
            returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        if wrong == "probability":
            log_prob = log_prob.exp()
        loss = -(log_prob * returns).mean()
        if wrong == "sign":
            loss = -loss
        if wrong == "mean of returns":
            loss = -log_prob.mean() * returns.mean()
        if wrong == "detached":
            loss = loss.detach().requires_grad_()
    loss = loss - entropy * torch.cat([e for _, _, e in kept]).mean()
    if wrong != "zero_grad":
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def whole_episodes(env, seed, act):
    """Yield [(log-probability, observation)] and returns of one episode after another."""
    obs, _ = env.reset(seed=seed)
    while True:
        kept, rewards, state, done = [], [], None, False
        while not done:
            dist, state = act(torch.as_tensor(obs), state)
            action = dist.sample()
            kept.append((dist.log_prob(action), torch.as_tensor(obs)))
            obs, reward, terminated, truncated, _ = env.step(action.item())
            rewards.append(float(reward))
            done = terminated or truncated
        yield kept, returns_of(rewards, "")
        obs, _ = env.reset()


def with_critic(batch=16, lr=0.03):
    """This agent is right: its critic has an optimizer of its own, which steps last."""

    def train(env, seed):
        size, actions = env.observation_space.shape[0], int(env.action_space.n)
        actor, critic = net([size, actions]), net([size, 1])
        actor_optimizer = torch.optim.Adam(actor.parameters(), lr=lr)
        critic_optimizer = torch.optim.Adam(critic.parameters(), lr=lr)
        played = whole_episodes(env, seed, lambda obs, _: (Categorical(logits=actor(obs)), None))
        while True:
            kept = [next(played) for _ in range(batch)]
            log_prob = torch.stack([p for steps, _ in kept for p, _ in steps])
            obs = torch.stack([o for steps, _ in kept for _, o in steps])
            returns = torch.tensor([r for _, returns in kept for r in returns])
            advantage = returns - critic(obs)[:, 0].detach()
            actor_optimizer.zero_grad()
            (-(log_prob * advantage).mean()).backward()
            actor_optimizer.step()
            critic_optimizer.zero_grad()
            (critic(obs)[:, 0] - returns).square().mean().backward()
            critic_optimizer.step()

    return train


def recurrent(batch=16, lr=0.02):
    """This agent is right: it acts by a hidden state that begins at 0 in each episode."""

    def train(env, seed):
        size, actions = env.observation_space.shape[0], int(env.action_space.n)
        cell, head = nn.GRUCell(size, 16), nn.Linear(16, actions)
        optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=lr)

        def act(obs, state):
            state = cell(obs[None], state)
            return Categorical(logits=head(state)[0]), state

        played = whole_episodes(env, seed, act)
        while True:
            kept = [next(played) for _ in range(batch)]
            log_prob = torch.stack([p for steps, _ in kept for p, _ in steps])
            returns = torch.tensor([r for _, returns in kept for r in returns])
            optimizer.zero_grad()
            (-(log_prob * returns).mean()).backward()
            optimizer.step()

    return train


# A vector of environments.


class Normalizer:
    """Running mean and standard deviation of observations."""

    def __init__(self, size):
        self.count, self.mean, self.square = 1e-4, np.zeros(size), np.ones(size)

    def __call__(self, obs, update):
        if update:
            self.count += 1
            self.mean += (obs.mean(0) - self.mean) / self.count
            self.square += (np.square(obs).mean(0) - self.square) / self.count
        spread = np.sqrt(np.maximum(self.square - self.mean**2, 1e-2))
        return ((obs - self.mean) / spread).astype(np.float32)


def rollouts(
    wrong="",
    *,
    steps=24,
    lr=0.02,
    hidden=(32,),
    critic=True,
    lam=0.95,
    epochs=1,
    minibatches=1,
    entropy=0.0,
    scale="none",
):
    """Actor-critic in the manner of CleanRL: PPO's clipped loss if epochs > 1."""

    def train(envs, seed):
        n = envs.num_envs
        size = envs.single_observation_space.shape[0]
        continuous = isinstance(envs.single_action_space, Box)
        outputs = 2 if continuous else int(envs.single_action_space.n)
        actor = net([size, *hidden, outputs], gain=0.01)
        value_net = net([size, *hidden, 1], gain=1.0)
        log_std = nn.Parameter(torch.zeros(outputs))
        parameters = [*actor.parameters(), *value_net.parameters(), log_std]
        optimizer = torch.optim.Adam(parameters, lr=lr)
        normalizer = Normalizer(size)
        low, high = (
            (envs.single_action_space.low, envs.single_action_space.high) if continuous else (0, 0)
        )

        def dist_of(x):
            if continuous:
                normal = Normal(actor(x), log_std.exp().expand(len(x), -1))
                return (
                    normal
                    if wrong in ("mean over dimensions", "one dimension")
                    else Independent(normal, 1)
                )
            logits = actor(x)
            if wrong == "softmax twice":
                logits = logits.softmax(-1)
            if wrong == "clipped logits":
                logits = logits.clamp(-0.5, 0.5)
            return Categorical(logits=logits)

        def send(u):
            if not continuous:
                return u.numpy()
            if scale == "tanh":
                return low + (high - low) * (np.tanh(u.numpy()) + 1) / 2
            if scale == "narrow":
                return np.clip(u.numpy(), -0.5, 0.5) + 1
            return np.clip(u.numpy(), low, high)

        obs, _ = envs.reset(seed=seed)
        while True:
            seen, A, R, D, V, P, NO, raw = [], [], [], [], [], [], [], []
            for _ in range(steps):
                x = torch.as_tensor(normalizer(obs, True) if wrong == "moving" else obs)
                raw.append(obs)
                with torch.no_grad():
                    dist = dist_of(x)
                    u = dist.sample()
                    value = value_net(x)[:, 0]
                    log_prob = dist.log_prob(u)
                if wrong == "rolled actions":
                    new, reward, terminated, truncated, _ = envs.step(send(u.roll(1, 0)))
                else:
                    new, reward, terminated, truncated, _ = envs.step(send(u))
                stored = u
                if continuous and wrong == "clip stored":
                    stored = u.clamp(-1, 1)
                if continuous and wrong == "sent stored":
                    stored = torch.as_tensor(send(u)).float()
                seen.append(x), A.append(stored), V.append(value), P.append(log_prob)
                R.append(np.clip(reward, -1, 1) if wrong == "clip rewards" else reward)
                D.append(terminated if wrong == "terminated alone" else terminated | truncated)
                if wrong == "done ignored":
                    D[-1] = np.zeros(n, bool)
                obs = new
                NO.append(torch.as_tensor(obs))
            if wrong == "moving":
                seen = [torch.as_tensor(normalizer(o, False)) for o in raw]
            with torch.no_grad():
                last = value_net(torch.as_tensor(obs))[:, 0]
            R = torch.as_tensor(np.array(R)).float()
            D = torch.as_tensor(np.array(D)).float()
            V = torch.stack(V) if critic else torch.zeros_like(R)
            last = last if critic else torch.zeros(n)
            advantage = torch.zeros_like(R)
            g = GAMMA**2 if wrong == "gamma twice" else GAMMA
            running = torch.zeros(n)
            for t in reversed(range(steps)):
                after = last if t == steps - 1 else V[t + 1]
                alive = 1 - D[t]
                if wrong == "shifted dones":
                    alive = 1 - (D[t - 1] if t else torch.zeros(n))
                if wrong == "value after the end":
                    delta = R[t] + g * 1.0 * torch.where(D[t] > 0, torch.ones(n), after) - V[t]
                else:
                    delta = R[t] + g * after * alive - V[t]
                running = delta + g * lam * alive * running
                advantage[t] = running
            returns = advantage + V
            if wrong == "sign":
                advantage = -advantage
            b_obs, b_act = torch.cat(seen), torch.cat(A)
            if wrong == "next observation":
                b_obs = torch.cat(NO)
            b_adv, b_ret, b_old = advantage.flatten(), returns.flatten(), torch.cat(P)
            if wrong == "transposed":
                b_adv = advantage.T.flatten()
            if wrong == "actions transposed":
                b_act = torch.stack(A).transpose(0, 1).flatten(0, 1)
            if wrong == "half":
                b_obs, b_act, b_adv, b_ret, b_old = (
                    b[: len(b) // 2] for b in (b_obs, b_act, b_adv, b_ret, b_old)
                )
            for _ in range(epochs):
                for rows in torch.randperm(len(b_obs)).chunk(minibatches):
                    dist = dist_of(b_obs[rows])
                    log_prob = dist.log_prob(b_act[rows])
                    adv = b_adv[rows]
                    if epochs > 1:
                        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                        ratio = (log_prob - b_old[rows]).exp()
                        objective = torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv)
                    elif wrong == "mean over dimensions" and continuous:
                        objective = log_prob.mean(-1) * adv
                    elif wrong == "one dimension" and continuous:
                        objective = log_prob[:, 0] * adv
                    elif wrong == "table":
                        objective = log_prob * adv[:, None]
                    else:
                        objective = log_prob * adv
                    loss = -objective.mean() - entropy * dist.entropy().mean()
                    if critic:
                        loss = (
                            loss
                            + 0.5 * (value_net(b_obs[rows])[:, 0] - b_ret[rows]).square().mean()
                        )
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(parameters, 0.5 if epochs > 1 else 50.0)
                    optimizer.step()

    return train


# Without torch.distributions.


def by_hand(wrong="", *, batch=16, lr=0.1):
    """REINFORCE with log_softmax and gather; actions are drawn with numpy."""

    def train(env, seed):
        size, actions = env.observation_space.shape[0], int(env.action_space.n)
        weight = (0.1 * torch.randn(size, actions)).requires_grad_()
        optimizer = torch.optim.Adam([weight], lr=lr)
        rng = np.random.default_rng(seed)
        obs, _ = env.reset(seed=seed)
        seen, A, R, ends = [], [], [], 0
        while True:
            with torch.no_grad():
                p = (torch.as_tensor(obs) @ weight).softmax(-1).double().numpy()
            action = int(rng.choice(actions, p=p / p.sum()))
            new, reward, terminated, truncated, _ = env.step(action)
            seen.append(obs)
            A.append(action)
            R.append((reward, terminated or truncated))
            obs = new
            if not (terminated or truncated):
                continue
            ends += 1
            obs, _ = env.reset()
            if ends % batch:
                continue
            total, returns = 0.0, []
            for reward, end in reversed(R):
                g = 1.0 if wrong == "undiscounted" else GAMMA
                total = reward + g * (0.0 if end and wrong != "leak" else total)
                returns.insert(0, reward if wrong == "immediate" else total)
            log_prob = (torch.as_tensor(np.array(seen)) @ weight).log_softmax(-1)
            chosen = log_prob.gather(1, torch.tensor(A)[:, None])[:, 0]
            weights = torch.tensor(returns).float()
            sign = 1.0 if wrong == "sign" else -1.0
            if wrong == "shuffled":
                weights = weights[torch.randperm(len(weights))]
            loss = sign * (chosen * weights).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen, A, R = [], [], []

    return train

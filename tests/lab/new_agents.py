"""Loops in other styles than those of loop_agents, for which no rule was written before they ran.

    ppo(...)        a single file: a vector, generalized advantages, epochs and minibatches
    n_step(...)     one environment, a batch every 32 steps, log_softmax and gather, a critic
    tutorial(...)   whole episodes, cross_entropy times returns
    in_numpy(...)   a softmax policy whose gradient is written by hand
    replayed(...)   a generator of steps, a list of them, random minibatches, softmax and log
    trunk(...)      an actor and a critic with a shared trunk
    two_nets(...)   PPO in which a copy of the network acts, and Monte Carlo returns
    one_step()      an actor-critic that learns after each step, and is right
    averaged(...)   REINFORCE with a running mean as a baseline

Each returns a function train(env, seed) for `probe_loop`.
"""

import random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical

from tests.lab.loop_agents import net

GAMMA = 0.6


def to_go(rewards):
    """Return the returns of one episode."""
    total, returns = 0.0, []
    for reward in reversed(rewards):
        total = reward + GAMMA * total
        returns.append(total)
    return returns[::-1]


def advantages_of(rewards, dones, values, lam=0.95):
    """Return generalized advantages [T, N]; values are [T + 1, N]."""
    advantages, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        alive = 1 - dones[t]
        delta = rewards[t] + GAMMA * values[t + 1] * alive - values[t]
        last = delta + GAMMA * lam * alive * last
        advantages[t] = last
    return advantages


def ppo(wrong="", *, steps=24, epochs=4, minibatches=4, lr=0.01):
    """Train with PPO on a vector of environments."""

    def train(envs, seed):
        size, count = envs.single_observation_space.shape[0], envs.single_action_space.n
        actor, critic = net([size, 32, count]), net([size, 32, 1])
        optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=lr, eps=1e-5)
        obs = torch.as_tensor(envs.reset(seed=seed)[0])
        while True:
            rows: Any = [[] for _ in range(6)]
            for _ in range(steps):
                with torch.no_grad():
                    dist = Categorical(logits=actor(obs))
                    action = dist.sample()
                    log_prob, value = dist.log_prob(action), critic(obs)[:, 0]
                new, reward, terminated, truncated, _ = envs.step(action.numpy())
                done = terminated if wrong == "terminated" else np.logical_or(terminated, truncated)
                reward, done = torch.as_tensor(reward).float(), torch.as_tensor(done).float()
                for kept, row in zip(
                    rows, (obs, action, log_prob, value, reward, done), strict=True
                ):
                    kept.append(row)
                obs = torch.as_tensor(new)
            seen, actions, old, values, rewards, dones = map(torch.stack, rows)
            with torch.no_grad():
                last = critic(obs).T
            advantages = advantages_of(rewards, dones, torch.cat([values, last]))
            targets = (advantages + values).flatten()
            seen = seen.transpose(0, 1) if wrong == "wrong order" else seen
            batch = (seen.flatten(0, 1), actions.flatten(), old.flatten(), advantages.flatten())
            for _ in range(epochs):
                for chosen in torch.randperm(len(targets)).chunk(minibatches):
                    x, a, before, adv = (each[chosen] for each in batch)
                    loss = clipped_loss(wrong, Categorical(logits=actor(x)), a, before, adv)
                    loss = loss + 0.5 * F.mse_loss(critic(x)[:, 0], targets[chosen])
                    optimizer.zero_grad()
                    loss.backward()
                    nn.utils.clip_grad_norm_(actor.parameters(), 0.5)
                    optimizer.step()

    return train


def clipped_loss(wrong, dist, action, old, advantage):
    """Return PPO's loss, less a small bonus for entropy."""
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    log_prob = dist.log_prob(action)
    if wrong == "old log-prob not detached":
        old = dist.log_prob(action)
    ratio = (log_prob - old).exp()
    if wrong == "ratio inverted":
        ratio = (old - log_prob).exp()
    plain, clipped = -advantage * ratio, -advantage * ratio.clamp(0.8, 1.2)
    bound = torch.min if wrong == "clip on the wrong side" else torch.max
    return bound(plain, clipped).mean() - 0.005 * dist.entropy().mean()


def n_step(wrong="", *, steps=32, lr=0.02):
    """Train an actor and a critic on batches of 32 steps of one environment."""

    def train(env, seed):
        size, count = env.observation_space.shape[0], int(env.action_space.n)
        actor, critic = net([size, 16, count]), net([size, 16, 1])
        optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: max(0.0, 1 - n / 5))
        obs, _ = env.reset(seed=seed)
        buffer, before = np.zeros(size, np.float32), 0.0
        while True:
            seen, actions, rewards, dones = [], [], [], []
            for _ in range(steps):
                buffer[:] = obs
                seen.append(buffer if wrong == "stored by reference" else buffer.copy())
                with torch.no_grad():
                    chances = F.softmax(actor(torch.as_tensor(obs)), dim=-1)
                actions.append(torch.multinomial(chances, 1))
                obs, reward, terminated, truncated, _ = env.step(actions[-1].item())
                rewards.append(before if wrong == "reward of the step before" else reward)
                before = reward
                dones.append(terminated or truncated)
                if dones[-1]:
                    obs, _ = env.reset()
            x, taken = torch.as_tensor(np.array(seen)), torch.stack(actions)
            values = critic(torch.cat([x, torch.as_tensor(obs)[None]]))
            R, D = (torch.tensor(np.array(rows))[:, None].float() for rows in (rewards, dones))
            advantage = advantages_of(R, D, values.detach())
            target = advantage + values.detach()[:-1]
            if wrong == "standardized per row":
                mean = advantage.mean(1, keepdim=True)
                advantage = (advantage - mean) / (
                    advantage.std(1, keepdim=True, correction=0) + 1e-8
                )
            log_prob = F.log_softmax(actor(x), dim=-1).gather(1, taken)
            loss = -(log_prob * advantage).mean() + 0.5 * (values[:-1] - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if wrong == "schedule to zero":
                schedule.step()

    return train


def tutorial(wrong="", *, batch=16, lr=0.03):
    """Train with cross_entropy times returns on batches of whole episodes."""

    def train(env, seed):
        model = net([env.observation_space.shape[0], int(env.action_space.n)])
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        obs, _ = env.reset(seed=seed)
        rewards: list[float] = []
        while True:
            seen, actions, returns = [], [], []
            for _ in range(batch):
                rewards = rewards if wrong == "rewards not reset" else []
                done = False
                while not done:
                    chances = torch.softmax(model(torch.as_tensor(obs)), -1).detach().double()
                    chances = chances.numpy() / chances.numpy().sum()
                    action = np.random.choice(len(chances), p=chances)
                    seen.append(obs)
                    actions.append(action)
                    obs, reward, terminated, truncated, _ = env.step(int(action))
                    rewards.append(float(reward))
                    done = terminated or truncated
                returns += to_go(rewards)
                obs, _ = env.reset()
            if wrong == "action of the next step":
                actions = actions[1:] + actions[:1]
            weights = torch.tensor(returns[: len(seen)]).float()
            logits = model(torch.as_tensor(np.array(seen)))
            loss = F.cross_entropy(logits, torch.tensor(np.array(actions)), reduction="none")
            loss = (loss * weights).mean()
            if wrong == "mean of the loss":
                loss = F.cross_entropy(logits, torch.tensor(np.array(actions))) * weights.mean()
            if wrong == "softmax before":
                chances = logits.softmax(1)
                loss = F.cross_entropy(chances, torch.tensor(np.array(actions)), reduction="none")
                loss = (loss * weights).mean()
            optimizer.zero_grad()
            (-loss if wrong == "minus" else loss).backward()
            if wrong != "step forgotten":
                optimizer.step()

    return train


def in_numpy(wrong="", *, batch=32, lr=0.5):
    """Train a linear softmax policy without any framework."""

    def train(env, seed):
        rng = np.random.default_rng(seed)
        weight = np.zeros((env.observation_space.shape[0], int(env.action_space.n)))
        obs, _ = env.reset(seed=seed)
        while True:
            gradient = np.zeros_like(weight)
            for _ in range(batch):
                rows, rewards, done = [], [], False
                while not done:
                    chances = np.exp(obs @ weight - (obs @ weight).max())
                    chances /= chances.sum()
                    action = rng.choice(len(chances), p=chances)
                    if wrong == "argmax":
                        action = chances.argmax()
                    rows.append(np.outer(obs, np.eye(len(chances))[action] - chances))
                    obs, reward, terminated, truncated, _ = env.step(int(action))
                    rewards.append(reward)
                    done = terminated or truncated
                returns = to_go(rewards)
                if wrong == "discounted forward":
                    returns = to_go(rewards[::-1])[::-1]
                for row, g in zip(rows, returns, strict=True):
                    gradient += row * g / batch
                obs, _ = env.reset()
            weight += lr * gradient

    return train


def steps_of(env, seed, choose):
    """Yield (observation, action, reward, done) for ever."""
    obs, _ = env.reset(seed=seed)
    while True:
        action = choose(obs)
        new, reward, terminated, truncated, _ = env.step(action)
        done = terminated or truncated
        yield obs, action, float(reward), done
        obs = env.reset()[0] if done else new


def replayed(wrong="", *, batch=24, lr=0.02):
    """Train on random minibatches of a list of steps, with log(softmax)."""

    def train(env, seed):
        model = net([env.observation_space.shape[0], 16, int(env.action_space.n)])
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)

        def choose(obs):
            return torch.multinomial(F.softmax(model(torch.as_tensor(obs)), -1), 1).item()

        steps = steps_of(env, seed, choose)
        kept: list[Any] = []
        while True:
            kept = kept if wrong == "never emptied" else []
            for _ in range(batch):
                episode = [next(steps)]
                while not episode[-1][3]:
                    episode.append(next(steps))
                returns = to_go([reward for _, _, reward, _ in episode])
                kept += [(*step[:2], g) for step, g in zip(episode, returns, strict=True)]
            random.shuffle(kept)
            for begin in range(0, len(kept), 16):
                seen, actions, returns = zip(*kept[begin : begin + 16], strict=True)
                chances = F.softmax(model(torch.as_tensor(np.array(seen))), dim=1)
                taken = chances[torch.arange(len(actions)), torch.tensor(actions)]
                loss = -(torch.log(taken) * torch.tensor(returns)).sum() / len(actions)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return train


def trunk(wrong="", *, batch=16, lr=0.02):
    """Train an actor and a critic whose hidden layer is the same, on whole episodes."""

    def train(env, seed):
        body = nn.Sequential(nn.Linear(env.observation_space.shape[0], 32), nn.ReLU())
        policy, value = nn.Linear(32, int(env.action_space.n)), nn.Linear(32, 1)
        model = nn.ModuleList([body, policy, value])
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        obs, _ = env.reset(seed=seed)
        while True:
            losses = []
            for _ in range(batch):
                saved, rewards, done = [], [], False
                while not done:
                    hidden = body(torch.as_tensor(obs))
                    dist = Categorical(F.softmax(policy(hidden), dim=-1))
                    action = dist.sample()
                    saved.append((dist.log_prob(action), value(hidden)[0]))
                    obs, reward, terminated, truncated, _ = env.step(action.item())
                    rewards.append(float(reward))
                    done = terminated or truncated
                obs, _ = env.reset()
                for (log_prob, predicted), g in zip(saved, to_go(rewards), strict=True):
                    base = predicted if wrong == "advantage not detached" else predicted.detach()
                    losses.append(-log_prob * (g - base) + 0.5 * (predicted - g) ** 2)
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()

    return train


class Memory:
    """The lists of an agent with methods."""

    def __init__(self):
        self.obs, self.actions, self.log_probs, self.rewards, self.ends = [], [], [], [], []

    def returns(self, wrong):
        """Return the discounted returns of all steps, standardized."""
        returns, total = [], 0.0
        for reward, end in zip(reversed(self.rewards), reversed(self.ends), strict=True):
            if end and wrong != "ends ignored":
                total = 0.0
            total = reward + GAMMA * total
            if wrong == "order of the returns":
                returns.append(total)
            else:
                returns.insert(0, total)
        found = torch.tensor(returns)
        return (found - found.mean()) / (found.std() + 1e-7)


def two_nets(wrong="", *, batch=96, epochs=5, lr=0.01):
    """Train with PPO; an older copy of the network acts."""

    def train(env, seed):
        size, count = env.observation_space.shape[0], int(env.action_space.n)
        policy, old = (
            nn.ModuleDict({"actor": net([size, 32, count]), "critic": net([size, 32, 1])})
            for _ in range(2)
        )
        old.load_state_dict(policy.state_dict())
        optimizer = torch.optim.Adam(policy.parameters(), lr=lr)
        memory = Memory()
        obs, _ = env.reset(seed=seed)
        while True:
            with torch.no_grad():
                dist = Categorical(old["actor"](torch.as_tensor(obs)).softmax(-1))
                action = dist.sample()
                memory.log_probs.append(dist.log_prob(action))
            memory.obs.append(torch.as_tensor(obs))
            memory.actions.append(action)
            obs, reward, terminated, truncated, _ = env.step(action.item())
            memory.rewards.append(float(reward))
            memory.ends.append(terminated or truncated)
            if memory.ends[-1]:
                obs, _ = env.reset()
            if len(memory.ends) % batch:
                continue
            returns = memory.returns(wrong)
            x, actions = torch.stack(memory.obs), torch.stack(memory.actions)
            for _ in range(epochs):
                dist = Categorical(policy["actor"](x).softmax(-1))
                values = policy["critic"](x).squeeze()
                ratio = torch.exp(dist.log_prob(actions) - torch.stack(memory.log_probs))
                advantage = returns - values.detach()
                clipped = torch.clamp(ratio, 0.8, 1.2) * advantage
                loss = -torch.min(ratio * advantage, clipped) + 0.5 * F.mse_loss(values, returns)
                optimizer.zero_grad()
                (loss - 0.01 * dist.entropy()).mean().backward()
                optimizer.step()
            if wrong != "copy not renewed":
                old.load_state_dict(policy.state_dict())
            if wrong != "memory not cleared":
                memory = Memory()

    return train


def averaged(wrong="", *, batch=16, lr=0.03):
    """Train with log_softmax, times γᵗ (Gₜ - a running mean); this agent is right as it is."""

    def train(env, seed):
        model = net([env.observation_space.shape[0], int(env.action_space.n)])
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        obs, _ = env.reset(seed=seed)
        baseline = 0.0
        while True:
            losses = []
            for _ in range(batch):
                log_probs, rewards, done = [], [], False
                while not done:
                    logs = torch.log_softmax(model(torch.as_tensor(obs)), dim=-1)
                    action = int(torch.multinomial(logs.exp(), 1).item())
                    log_probs.append(logs[action])
                    obs, reward, terminated, truncated, _ = env.step(action)
                    rewards.append(float(reward))
                    done = terminated or truncated
                obs, _ = env.reset()
                for t, (log_prob, g) in enumerate(zip(log_probs, to_go(rewards), strict=True)):
                    weight = rewards[t] if wrong == "rewards in place of returns" else g
                    losses.append(-log_prob * GAMMA**t * (weight - baseline))
                    baseline += 0.01 * (weight - baseline)
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()
            optimizer.step()

    return train


def one_step(lr=0.02):
    """Train an actor and a critic after each step, by δ = r + γ V(s') - V(s)."""

    def train(env, seed):
        size, count = env.observation_space.shape[0], int(env.action_space.n)
        actor, critic = net([size, 16, count]), net([size, 16, 1])
        optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=lr)
        obs, _ = env.reset(seed=seed)
        while True:
            x = torch.as_tensor(obs)
            dist = Categorical(logits=actor(x))
            action = dist.sample()
            obs, reward, terminated, truncated, _ = env.step(action.item())
            done = terminated or truncated
            value = critic(x)[0]
            with torch.no_grad():
                target = reward + GAMMA * critic(torch.as_tensor(obs))[0] * (1 - done)
            advantage = target - value.detach()
            loss = -dist.log_prob(action) * advantage + 0.5 * (value - target) ** 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if done:
                obs, _ = env.reset()

    return train

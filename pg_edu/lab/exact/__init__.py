"""Small MDPs in which policy gradients are exact, and judges that compare estimators with them.

In reading order:

    mdp.py           a tabular MDP with its softmax policy: J, V, Q, ∇J, and every batch
    tasks.py         the MDPs of the course, each a few numbers
    estimators.py    the estimators of the course, right ones and wrong ones
    judge.py         the exact expectation and covariance of an estimator, compared with the truth
    agent.py         a real agent as an estimator
    laws.py          three laws that find bugs without knowing the right answer
    budget.py        which choices of an agent cause which part of its bias

Symbols, the same in all of them:

    S, A, O      numbers of states, actions, observations
    T, N, B      steps of an episode; episodes of a batch (or environments); steps of a batch
    K, M         number of episodes that exist; number of components of an estimate
    sₜ, aₜ, rₜ   state, action, and the reward that follows the action
    Gₜ, J        the return from step t on; its expectation, the objective
    π, γ, P      the policy, the discount factor, the transition matrix under the policy
    V, Q         values of states, and of states and actions
    d, d∞, r(π)  (discounted) visits of a state; stationary distribution; average reward
    g, w, b      an estimate of ∇J or an update; weights of its steps; a baseline
    c, μ         a constant added to every return; a mean of returns
    p            a probability
"""

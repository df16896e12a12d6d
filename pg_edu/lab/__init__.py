"""The laboratory holds the ground truth against which claims about gradients are checked.

In reading order:

    exact/     small MDPs with exact gradients, and judges that compare estimators with them
    probes/    tiny environments that show which part of an agent is broken
    museum/    a registry of pitfalls: wrong lines that run, each next to a right one
"""

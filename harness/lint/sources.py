"""The publications that the rules of the linter come from."""

from __future__ import annotations

from harness.lint.base import Source

BLALOCK = Source(
    "Blalock et al. 2020",
    "D. Blalock, J. J. Gonzalez Ortiz, J. Frankle, J. Guttag: What is the State of Neural Network Pruning? MLSys 2020, "
    "arXiv 2003.03033 (ShrinkBench)",
)
BOUTHILLIER = Source(
    "Bouthillier et al. 2021",
    "X. Bouthillier and others: Accounting for Variance in Machine Learning Benchmarks. MLSys 2021, arXiv 2103.03098",
)
FISHER = Source(
    "Fisher 1935",
    "R. A. Fisher: The Design of Experiments. Oliver and Boyd, 1935 (the permutation test; with n networks the "
    "smallest two-sided p of a sign-flip test is 2 / 2^n)",
)
GELMAN = Source(
    "Gelman and Loken 2014",
    "A. Gelman, E. Loken: The Statistical Crisis in Science. American Scientist 102 (2014), 460",
)
LLM_DROP = Source(
    "LLM-Drop 2024",
    "S. He, G. Sun, Z. Shen, A. Li: What Matters in Transformers? Not All Attention is Needed. arXiv 2406.15786",
)
GROMOV = Source(
    "Gromov et al. 2024",
    "A. Gromov, K. Tirumala, H. Shapourian, P. Glorioso, D. A. Roberts: The Unreasonable Ineffectiveness of the Deeper "
    "Layers. arXiv 2403.17887",
)
LIU = Source(
    "Liu et al. 2019",
    "Z. Liu, M. Sun, T. Zhou, G. Huang, T. Darrell: Rethinking the Value of Network Pruning. ICLR 2019, "
    "arXiv 1810.05270",
)
WANG = Source(
    "Wang et al. 2023",
    "H. Wang, C. Qin, Y. Bai, Y. Fu: Why is the State of Neural Network Pruning so Confusing? On the Fairness, "
    "Comparison Setup, and Trainability in Network Pruning. arXiv 2301.05219",
)
DEHGHANI = Source(
    "Dehghani et al. 2022",
    "M. Dehghani, A. Arnab, L. Beyer, A. Vaswani, Y. Tay: The Efficiency Misnomer. ICLR 2022, arXiv 2110.12894",
)
HOEFLER = Source(
    "Hoefler and Belli 2015",
    "T. Hoefler, R. Belli: Scientific Benchmarking of Parallel Computing Systems. SC 2015",
)
MUSGRAVE = Source(
    "Musgrave et al. 2020",
    "K. Musgrave, S. Belongie, S.-N. Lim: A Metric Learning Reality Check. ECCV 2020, arXiv 2003.08505 (on training "
    "with feedback from the test set)",
)
WILLIAMS = Source(
    "Williams and Aletras 2024",
    "M. Williams, N. Aletras: On the Impact of Calibration Data in Post-training Quantization and Pruning. ACL 2024, "
    "arXiv 2311.09755",
)
POLITIS = Source(
    "Politis et al. 1999",
    "D. N. Politis, J. P. Romano, M. Wolf: Subsampling. Springer, 1999 (subsets small beside the whole)",
)
EVERY = (
    BLALOCK, BOUTHILLIER, DEHGHANI, FISHER, GELMAN, GROMOV, HOEFLER, LIU, LLM_DROP, MUSGRAVE, POLITIS, WANG, WILLIAMS,
)  # fmt: skip

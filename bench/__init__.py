"""Figures as ratios inside one run: ours beside a peer or the raw ceiling, because machines differ and are noisy."""

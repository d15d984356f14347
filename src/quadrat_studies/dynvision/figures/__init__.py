"""Figures of experiments, trainings and models. Without torch, and without pyplot: there is no global state.

Each module has one kind of figure, `draw_…(data, about) → Figure`; `style.write` writes it.
"""

"""The parts of the simulated sky; :mod:`classifier.sky` is the way in.

Every part is a function of its seed and of time alone: nothing is carried from frame to frame, so
that a frame is the same whether its night is drawn whole or in part.
"""

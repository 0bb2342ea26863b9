"""Commands about causes: effects, returns, explain; the experiment that would tell most of them."""

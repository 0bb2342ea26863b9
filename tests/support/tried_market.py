"""Two markets of three shops at γ = 0, with a known truth, in which experiments are proposed."""

DISCOUNT, PLACE, SALES = 2.0, 1.2, 50.0e6
STUDY = f"""
study: tried
simulate:
  markets: 2
  firms: [A, B, C]
  periods: 60
  total_sales: {SALES}
  variation: 0.03
  invested: 0.1
  campaign: 12
  spread: 0.15
  efforts: {{discount: {{part: 0.5}}, place: {{part: 0.5}}}}
  truth:
    response: linear
    parameters: {{discount: {DISCOUNT}, place: {PLACE}, jump_price: {SALES}, returns_to_scale: 0.0}}
  noise: 0.03
models: {{form: investment, response: linear, firm_effects: none}}
fit: {{starts: 4, gain: 0.0, autocorrelation: 0.0}}
cluster: {{kind: serial}}
store: store
seed: 5
"""

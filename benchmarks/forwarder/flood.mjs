// A thousand in flight at full speed, through the server: none may be lost.
import { once, pace } from './measure.mjs'

export async function run({ smoke, rounds }) {
  const { warm, measure } = pace(smoke, rounds)
  const rows = []
  for (const variant of ['relay', 'headrace']) {
    const { us, qps, lost, failed } = await once({ variant, inFlight: 1000 }, { warm, measure })
    const met = variant === 'headrace' ? lost + failed === 0 : null
    rows.push({
      what: variant,
      value: lost + failed,
      unit: 'lost or failed',
      target: variant === 'headrace' ? 0 : undefined,
      met,
      qps,
      us,
    })
  }
  return { title: '1,000 in flight at full speed', rows }
}

/** What the statistics of selections are judged by: tails of distributions, exact where numbers are small. No effects, no state. */

/** The chance that a chi-squared variable of so many degrees of freedom is at least `x`: Q(df/2, x/2), to about 1e-12. */
export function chiSquaredTail(x: number, degrees: number): number {
  if (x <= 0) return 1
  const a = degrees / 2
  const z = x / 2
  return z < a + 1 ? 1 - lowerGammaSeries(a, z) : upperGammaFraction(a, z)
}

/**
 * The p-value of "each of these was picked with the same chance", where every draw picked `perDraw` different ones. Within one draw
 * picks exclude each other, so a count varies by draws p (1 - p), and not as in a plain multinomial; the sum over all is fixed.
 */
export function evenPicksP(counts: readonly number[], draws: number, perDraw: number): number {
  const n = counts.length
  const p = perDraw / n
  const variance = (draws * p * (1 - p) * n) / (n - 1)
  const x = counts.reduce((sum, count) => sum + (count - draws * p) ** 2, 0) / variance
  return chiSquaredTail(x, n - 1)
}

/** The two-sided p-value of `hits` out of `trials` where each hits with the chance `p`. Wants 20 or more expected on either side. */
export function shareP(hits: number, trials: number, p: number): number {
  if (trials * Math.min(p, 1 - p) < 20) throw new Error(`too few of ${trials} expected at ${p}`)
  return chiSquaredTail((hits - trials * p) ** 2 / (trials * p * (1 - p)), 1)
}

/** Of `total` with `marked` among them, `drawn` are taken: the chance that at least `least` of those are marked. Exact to a float. */
export function markedAtLeast(least: number, drawn: number, marked: number, total: number): number {
  let ways = 0n
  for (let hits = Math.max(least, 0); hits <= Math.min(drawn, marked); hits += 1) {
    ways += choose(marked, hits) * choose(total - marked, drawn - hits)
  }
  const scale = 10n ** 18n
  return Number((ways * scale) / choose(total, drawn)) / 1e18
}

function choose(n: number, k: number): bigint {
  if (k < 0 || k > n) return 0n
  let result = 1n
  for (let at = 1; at <= k; at += 1) result = (result * BigInt(n - k + at)) / BigInt(at)
  return result
}

/** P(a, z) by its series, good below a + 1. */
function lowerGammaSeries(a: number, z: number): number {
  let term = 1 / a
  let sum = term
  for (let at = 1; at < 10_000 && term > sum * 1e-16; at += 1) {
    term *= z / (a + at)
    sum += term
  }
  return sum * Math.exp(a * Math.log(z) - z - logGamma(a))
}

/** Q(a, z) by Lentz's continued fraction, good above a + 1. */
function upperGammaFraction(a: number, z: number): number {
  const tiny = 1e-300
  let b = z + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let product = d
  for (let at = 1; at < 10_000; at += 1) {
    const an = -at * (at - a)
    b += 2
    d = 1 / (an * d + b || tiny)
    c = b + an / c || tiny
    product *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return product * Math.exp(a * Math.log(z) - z - logGamma(a))
}

/** ln Gamma(a) for a > 0: Stirling's series, after lifting a above 10. */
function logGamma(a: number): number {
  let lift = 0
  let x = a
  for (; x < 10; x += 1) lift += Math.log(x)
  const y = 1 / (x * x)
  const series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - lift
}

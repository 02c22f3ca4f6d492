/** An order on tags. Tags have no rules, so runs of digits count as numbers and the rest as text. */

/** A total order on tags: `3.9` before `3.10`, digits before letters; equal only if the texts are equal. */
export function compareTags(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? []
  const right = b.match(/\d+|\D+/g) ?? []
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compareRuns(left[index] ?? '', right[index] ?? '')
    if (order !== 0) return order
  }
  return left.length - right.length || compareText(a, b)
}

function compareRuns(a: string, b: string): number {
  const aIsNumber = /^\d/.test(a)
  const bIsNumber = /^\d/.test(b)
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1
  if (!aIsNumber) return compareText(a, b)
  const x = a.replace(/^0+/, '')
  const y = b.replace(/^0+/, '')
  return x.length - y.length || compareText(x, y)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** How values are shown to people: sizes, ages, tables. Pure. */

/** Bytes with three digits, e.g. `1.23 GB`. */
export function showBytes(bytes: number): string {
  for (const [unit, size] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toPrecision(3)} ${unit}`
  }
  return `${bytes} B`
}

/** A span of time in its largest unit, e.g. `3 h`. */
export function showSeconds(seconds: number): string {
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} days`
  if (seconds >= 7200) return `${Math.floor(seconds / 3600)} h`
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min`
  return `${Math.max(0, Math.floor(seconds))} s`
}

/** Rows in columns as wide as their widest cell; control characters of foreign names are taken out. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(plainText))
  const widths: number[] = []
  for (const row of clean) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  }
  return clean
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Text that cannot steer a terminal. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}

/** A value as one line of JSON. */
export function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

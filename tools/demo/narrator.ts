/** What the demo says: lines for people with the seconds since its start, or with `--json` an object a line. */

/** Tells the story. */
export interface Narrator {
  /** A step; `data` is for programs. */
  say(step: string, text: string, data?: Readonly<Record<string, unknown>>): void
  /** What belongs to the last step; for people only. */
  detail(text: string): void
}

/** Makes it. */
export function createNarrator(isJson: boolean): Narrator {
  const begin = performance.now()
  const seconds = (): number => Math.round((performance.now() - begin) / 100) / 10
  return {
    say(step, text, data = {}) {
      const line = isJson
        ? JSON.stringify({ step, seconds: seconds(), text, ...data })
        : `${seconds().toFixed(1).padStart(6)} s  ${text}`
      process.stdout.write(`${line}\n`)
    },
    detail(text) {
      if (!isJson) process.stdout.write(`${' '.repeat(10)}${text}\n`)
    },
  }
}

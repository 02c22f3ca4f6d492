/** JSON as a list of tokens that, put together, are the text again: so that nothing is lost by reading and writing it. */

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gy

/** The tokens; undefined if the text is no JSON. */
export function jsonTokens(text: string): readonly string[] | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  const tokens = text.match(TOKEN) ?? []
  return tokens.join('') === text ? tokens : undefined
}

/** True for white space. */
export function isBlank(token: string): boolean {
  return /^\s/.test(token)
}

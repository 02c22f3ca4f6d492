/** Which form of a page a client wants: content negotiation of PEP 691 ("Version + Format Selection") by Accept. */

/** The forms: JSON, HTML under its own name, HTML as every client reads it. */
export type Form = 'json' | 'html' | 'v1html'

/** Media types of the forms. */
export const MEDIA_TYPES: Readonly<Record<Form, string>> = {
  json: 'application/vnd.pypi.simple.v1+json',
  html: 'text/html; charset=utf-8',
  v1html: 'application/vnd.pypi.simple.v1+html',
}

/** What the node asks upstream for. */
export const INDEX_ACCEPT =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01'

/** Ties are broken in this order; who names none of them gets HTML, which is what came before there was a choice. */
const OFFERS: ReadonlyArray<readonly [Form, RegExp]> = [
  ['json', /^application\/vnd\.pypi\.simple\.(?:v1|latest)\+json$/],
  ['v1html', /^application\/vnd\.pypi\.simple\.(?:v1|latest)\+html$/],
  ['html', /^text\/(?:html|\*)$/],
]

/** The form that an Accept header asks for, by its q-values (RFC 9110, 12.5.1). */
export function preferredForm(accept: string | undefined): Form {
  let best: Form = 'html'
  let bestQuality = 0
  for (const part of (accept ?? '').toLowerCase().split(',').slice(0, 32)) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim())
    const form = OFFERS.find(([, pattern]) => pattern.test(type))?.[0]
    const quality = qualityOf(parameters)
    const isBetter = quality > bestQuality || (quality === bestQuality && quality > 0 && rank(form) < rank(best))
    if (form !== undefined && isBetter) {
      best = form
      bestQuality = quality
    }
  }
  return best
}

function qualityOf(parameters: readonly string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith('q='))
  const value = written === undefined ? 1 : Number(written.slice('q='.length))
  return value >= 0 && value <= 1 ? value : 0
}

function rank(form: Form | undefined): number {
  return OFFERS.findIndex(([each]) => each === form)
}

/** A page that describes the API to people: one file, no scripts, nothing from elsewhere. Pure. */
import { createHash } from 'node:crypto'
import type { ApiRoute } from './route.ts'

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}' +
  'table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ddd}' +
  'code{font-family:ui-monospace,monospace;white-space:nowrap}' +
  '@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}a{color:#8bf}}'

/** What the API port has beside its operations: pages without parameters, by path, each with what it says. */
export const FIXED_PAGES = {
  '/healthz': 'ok, as long as the process answers',
  '/readyz': 'ready, or 503 and not ready while the node starts or stops, or if it can order nothing any more',
  '/metrics': 'the metrics in the text format of Prometheus',
  '/openapi.json': 'the operations, as a machine reads them',
  '/': 'the operations, as a person reads them',
} as const

/** The Content-Security-Policy under which the page is sent. */
export const PAGE_SECURITY_POLICY: string = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

/** The page for these operations. */
export function apiPage(routes: readonly ApiRoute[], version: string): string {
  const rows = routes.map(
    (route) =>
      `<tr><td><code>${route.method} ${escaped(route.path)}</code></td><td>${escaped(route.summary)}</td>` +
      `<td>${route.changes ? 'token' : ''}</td><td>${escaped(inputs(route))}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pyrsia node API</title><style>${STYLE}</style></head><body>
<h1>Pyrsia node API</h1>
<p>Version ${escaped(version)}. Also here: <a href="/openapi.json">openapi.json</a>, <a href="/metrics">metrics</a>,
<a href="/healthz">healthz</a>, <a href="/readyz">readyz</a>.</p>
<p>Operations marked <em>token</em> change the node; they need <code>authorization: Bearer</code> with the content of the file
<code>api-token</code> in the data directory.</p>
<table><thead><tr><th>Operation</th><th>What it does</th><th>Needs</th><th>Takes</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></body></html>
`
}

function inputs(route: ApiRoute): string {
  const shape = { ...route.query?.shape, ...route.body?.shape }
  return Object.keys(shape).join(', ')
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

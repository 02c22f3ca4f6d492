/** The pages of docs/reference/, each made from the table in the code that it describes. Pure functions from table to Markdown. */
import { ERROR_CODES, ERROR_KINDS, type ErrorKind } from '../../src/base/errors.ts'
import { ecosystems } from '../../src/ecosystems/index.ts'
import { FIXED_PAGES } from '../../src/http/api/page.ts'
import type { ApiRoute } from '../../src/http/api/route.ts'
import { API_ROUTES } from '../../src/http/api/routes.ts'
import { METRICS } from '../../src/http/metrics.ts'
import { portSettings, SETTINGS, type Setting } from '../../src/main/config/settings.ts'

/** A Markdown table; bars in cells are escaped. */
export function markdownTable(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

/** `errors.md`: kinds and codes of `src/base/errors.ts`. */
export function errorsPage(): string {
  const kinds = Object.entries(ERROR_KINDS).map(([kind, row]) => [
    `\`${kind}\``,
    String(row.httpStatus),
    String(row.exitCode),
    row.retry,
    row.blame ? 'yes' : 'no',
  ])
  const sections = (Object.keys(ERROR_KINDS) as ErrorKind[]).map((kind) => {
    const rows = Object.entries(ERROR_CODES)
      .filter(([code]) => code.startsWith(`${kind}.`))
      .map(([code, sentence]) => [`\`${code}\``, sentence])
    return `## ${kind}\n\n${markdownTable(['code', 'meaning'], rows)}`
  })
  return page(
    'Errors',
    'src/base/errors.ts',
    'Every error has a code `<kind>.<what>`. The kind decides the HTTP status of the API, the exit code of the CLI, whether trying again helps, and whether the peer that caused it is blamed. At a registry endpoint the rules of its clients come first.',
    markdownTable(['kind', 'HTTP', 'exit code', 'retry', 'blames the peer'], kinds),
    ...sections,
  )
}

/** `config.md`: the settings of `src/main/config/settings.ts` with those that the ecosystems bring. */
export function configPage(): string {
  // biome-ignore lint/suspicious/noExplicitAny: rows of all value types are printed alike
  const settings = [...Object.values(SETTINGS), ...portSettings(ecosystems)] as ReadonlyArray<Setting<any>>
  const rows = settings.map((setting) => [
    `\`--${setting.name}${setting.kind.placeholder === '' ? '' : ` ${setting.kind.placeholder}`}\`${setting.many ? ' …' : ''}`,
    `\`${setting.env}\``,
    setting.inFile ? `\`${setting.name}\`` : '-',
    fallbackOf(setting),
    `${setting.help}: ${setting.kind.explains}`,
  ])
  return page(
    'Settings',
    'src/main/config/settings.ts',
    'A flag goes before the environment, that before the TOML file (`--config`), that before the default. A flag with … may be given more than once; in the environment its values are separated by spaces or commas, in the file they are an array.',
    markdownTable(['flag', 'environment', 'file', 'default', 'meaning'], rows),
  )
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function fallbackOf(setting: Setting<any>): string {
  if (setting.fallbackText !== undefined) return setting.fallbackText
  return setting.fallback === undefined ? 'no limit' : `\`${setting.kind.format(setting.fallback)}\``
}

/** `metrics.md`: the metrics of `src/http/metrics.ts`. */
export function metricsPage(): string {
  const rows = METRICS.map(({ name, kind, labels, help }) => [
    `\`${name}\``,
    kind,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ])
  return page(
    'Metrics',
    'src/http/metrics.ts',
    'In the Prometheus text format at `/metrics` of the API port.',
    markdownTable(['name', 'kind', 'labels', 'meaning'], rows),
  )
}

/** `api.md`: the operations of `src/http/api/routes.ts`. */
export function apiPage(): string {
  const rows = API_ROUTES.map((route) => [
    `\`${route.method} ${route.path}\``,
    route.summary,
    [...fieldsOf(route.query, 'query'), ...fieldsOf(route.body, 'body')].join('; '),
    route.replies,
    route.changes ? 'yes' : 'no',
  ])
  return page(
    'API',
    'src/http/api/routes.ts',
    'On the API port (7889), loopback only. The same as a machine reads it: `/openapi.json`. Operations that change the node want `Authorization: Bearer <token>` with the token in the file `api-token` of the data directory. Errors are `{"error": {"code", "message"}}` with the status of [their kind](errors.md).',
    markdownTable(['operation', 'does', 'takes', 'replies with', 'token'], rows),
    '## Pages\n\nWithout parameters and without a token, by GET and HEAD:',
    markdownTable(
      ['path', 'says'],
      Object.entries(FIXED_PAGES).map(([path, says]) => [`\`${path}\``, says]),
    ),
  )
}

function fieldsOf(type: ApiRoute['query'], where: string): string[] {
  return Object.entries(type?.shape ?? {}).map(([name, field]) => {
    const { description } = field as { description?: string }
    return `${where} \`${name}\`${description === undefined ? '' : ` (${description})`}`
  })
}

/** A page with its note on where it comes from. */
export function page(title: string, source: string, intro: string, ...blocks: readonly string[]): string {
  const note = `<!-- Generated from ${source} by \`npm run docs\`: edit that file, not this one. -->`
  return `# ${title}\n\n${note}\n\n${[intro, ...blocks].join('\n\n')}\n`
}

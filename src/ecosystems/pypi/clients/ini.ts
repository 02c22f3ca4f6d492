/**
 * Setting one option of an INI file as Python's configparser reads it, and taking it back, without touching any other byte. What
 * configparser would refuse is refused here too. Pure; used for pip's configuration.
 */
import { AppError } from '../../../base/errors.ts'

/** One option. Lines are counted from 0; `to` is the first line behind it. */
export interface IniOption {
  readonly section: string
  /** As pip compares them: lower case, hyphens. */
  readonly key: string
  readonly value: string
  readonly from: number
  readonly to: number
}

/** A file's sections, by name with the line of their header, and its options. */
export interface Ini {
  readonly lines: readonly string[]
  readonly sections: ReadonlyMap<string, number>
  readonly options: readonly IniOption[]
}

/** Reads a file. @throws usage.config naming the line that configparser would refuse */
export function parseIni(text: string, path: string): Ini {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  const sections = new Map<string, number>()
  const options: IniOption[] = []
  let section: string | undefined
  let indent = 0
  for (const [index, line] of lines.entries()) {
    const bare = line.replace(index === 0 ? /^\ufeff/ : /^(?!)/, '').trim()
    if (bare === '' || bare.startsWith('#') || bare.startsWith(';')) continue
    const depth = line.length - line.trimStart().length
    const last = options.at(-1)
    if (last !== undefined && last.section === section && depth > indent) {
      options[options.length - 1] = { ...last, value: `${last.value}\n${bare}`, to: index + 1 }
      continue
    }
    const header = /^\[(.+)\]/.exec(bare)?.[1]
    if (header !== undefined) {
      if (sections.has(header)) throw refused(path, index, `section ${header} is there twice`)
      section = header
      sections.set(header, index)
      continue
    }
    const option = /^([^=:]*?)\s*[=:]\s*(.*)$/.exec(bare)
    if (section === undefined) throw refused(path, index, 'it stands before any section')
    if (option?.[1] === undefined || option[1] === '') throw refused(path, index, 'it is no option')
    const key = option[1].toLowerCase().replaceAll('_', '-').replace(/^--/, '')
    if (options.some((each) => each.section === section && each.key === key)) {
      throw refused(path, index, `${key} is there twice`)
    }
    indent = depth
    options.push({ section, key, value: option[2] ?? '', from: index, to: index + 1 })
  }
  return { lines, sections, options }
}

/** `text` with the option set: in place of the one that is there, else below its section's header. @throws usage.config */
export function withOption(text: string, section: string, key: string, value: string, path: string): string {
  const ini = parseIni(text, path)
  const present = optionOf(ini, section, key)
  if (present?.value === value) return text
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const line = `${key} = ${value}${end}`
  const lines = [...ini.lines]
  const header = ini.sections.get(section)
  if (present !== undefined) {
    const isLast = present.to === lines.length && !/\n$/.test(lines[present.to - 1] ?? '')
    lines.splice(present.from, present.to - present.from, isLast ? line.trimEnd() : line)
  } else if (header !== undefined) {
    if (!/\n$/.test(lines[header] ?? '')) lines[header] += end
    lines.splice(header + 1, 0, line)
  } else {
    const last = lines.at(-1)
    if (last !== undefined && !last.endsWith('\n')) lines[lines.length - 1] = last + end
    lines.push(`[${section}]${end}`, line)
  }
  return lines.join('')
}

/** `text` without our `value` of the option: with what `before` had in its place, if it had one. @throws usage.config */
export function withoutOption(
  text: string,
  section: string,
  key: string,
  value: string,
  before: string | undefined,
  path: string,
): string {
  const ini = parseIni(text, path)
  const ours = optionOf(ini, section, key)
  const then = parseIni(before ?? '', path)
  const earlier = optionOf(then, section, key)
  if (ours?.value !== value || earlier?.value === value) return text
  const lines = [...ini.lines]
  const restored = earlier === undefined ? [] : then.lines.slice(earlier.from, earlier.to)
  const last = restored.at(-1)
  if (last !== undefined && !last.endsWith('\n') && ours.to < lines.length) restored[restored.length - 1] = `${last}\n`
  lines.splice(ours.from, ours.to - ours.from, ...restored)
  const header = ini.sections.get(section)
  const isEmpty = !ini.options.some((option) => option.section === section && option !== ours)
  // A section that holds comments of the user stays.
  const next = Math.min(...[...ini.sections.values()].filter((at) => at > (header ?? 0)), ini.lines.length) - 1
  const blank =
    header !== undefined &&
    lines
      .slice(header + 1, next)
      .join('')
      .trim() === ''
  if (header !== undefined && isEmpty && blank && !then.sections.has(section)) lines.splice(header, 1)
  return lines.join('')
}

/** The option, if it is set. */
export function optionOf(ini: Ini, section: string, key: string): IniOption | undefined {
  return ini.options.find((option) => option.section === section && option.key === key)
}

function refused(path: string, index: number, why: string): AppError {
  return new AppError('usage.config', `${path} is not changed: pip cannot read its line ${index + 1}, ${why}`, {
    data: { path, line: index + 1 },
  })
}

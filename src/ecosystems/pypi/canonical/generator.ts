/**
 * Rule `generator/1` for wheels: the line `Generator:` of `WHEEL` names the tool that made it and its version, which no installer reads. A
 * line that says something else than a tool and a version stays. (Binary distribution format, "File contents", 5.)
 */
import type { Rule } from '../../../archive/archive.ts'
import { textOf, withContent } from '../../../archive/tree.ts'

const WHEEL = /^[^/]+\.dist-info\/WHEEL$/
const LINE = /^Generator: [A-Za-z0-9][A-Za-z0-9_.-]{0,39} ?\(?v?[0-9][A-Za-z0-9_.+-]{0,39}\)?$/gm

/** See above. */
export const generatorRule: Rule = {
  name: 'generator/1',
  level: 'metadata',
  wants: (path) => WHEEL.test(path),
  apply(tree) {
    const path = [...tree.contents.keys()].find((each) => WHEEL.test(each))
    const text = path === undefined ? undefined : textOf(tree, path)
    if (path === undefined || text === undefined) return { tree, changes: [] }
    const lines = text.match(LINE) ?? []
    const [line] = lines
    if (line === undefined || lines.length > 1) return { tree, changes: [] }
    const bytes = Buffer.from(text.replace(LINE, 'Generator:'))
    return { tree: withContent(tree, path, bytes), changes: [{ path, before: line, after: 'Generator:' }] }
  },
}

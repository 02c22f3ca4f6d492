import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maven } from '../maven.ts'
import { readPlace } from '../names.ts'
import { aheadOfPom } from './ahead.ts'

const PATH = '/org/example/lib/1.0/lib-1.0.pom'

function aheadOf(elements: string) {
  const place = readPlace(PATH)
  assert.ok(place.kind === 'file')
  return aheadOfPom(place, Buffer.from(`<project xmlns="http://maven.example.com/POM/4.0.0">${elements}</project>`))
}

const coordinates = (group: string, artifact: string, version: string) =>
  `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`
/** A property that a POM names. */
const property = (name: string) => ['$', '{', name, '}'].join('')
const dependency = (text: string) => `<dependency>${text}</dependency>`

test('after a POM come its parent, imported lists of versions and the dependencies that others get with it', () => {
  const { files } = aheadOf(`
    <parent>${coordinates('org.example', 'parent', '7')}</parent>
    <properties><other.version>2.5</other.version><named>\${other.version}</named></properties>
    <dependencyManagement><dependencies>
      ${dependency(`${coordinates('org.example', 'bom', '3')}<type>pom</type><scope>import</scope>`)}
      ${dependency(coordinates('org.managed', 'only', '1'))}
    </dependencies></dependencyManagement>
    <dependencies>
      ${dependency(coordinates('org.a', 'a', '1.1'))}
      ${dependency(coordinates('org.b', 'b', property('named')))}
      ${dependency(coordinates(property('project.groupId'), 'sibling', property('pom.version')))}
      ${dependency(coordinates(property('groupId'), 'cousin', property('project.parent.version')))}
      ${dependency(`${coordinates('org.t', 't', '1')}<scope>test</scope>`)}
      ${dependency(`${coordinates('org.p', 'p', '1')}<scope>provided</scope>`)}
      ${dependency(`${coordinates('org.o', 'o', '1')}<optional>true</optional>`)}
    </dependencies>`)
  assert.deepEqual(files, [
    '/org/example/parent/7/parent-7.pom',
    '/org/example/bom/3/bom-3.pom',
    '/org/a/a/1.1/a-1.1.pom',
    '/org/b/b/2.5/b-2.5.pom',
    '/org/example/sibling/1.0/sibling-1.0.pom',
    '/org/example/cousin/7/cousin-7.pom',
  ])
})

test('versions that the POM itself does not tell, and what is no name, are left alone', () => {
  const { files } = aheadOf(`<dependencies>
    ${dependency(coordinates('org.a', 'range', '[1.0,2.0)'))}
    ${dependency(coordinates('org.a', 'inherited', property('elsewhere')))}
    ${dependency('<groupId>org.a</groupId><artifactId>managed</artifactId>')}
    ${dependency(coordinates('../..', 'escape', '1'))}
    ${dependency(coordinates('org.a', 'a/../b', '1'))}
  </dependencies>`)
  assert.deepEqual(files, [])
})

test('what is stated of the jar is wanted for packagings that are one', () => {
  const jar = ['/org/example/lib/1.0/lib-1.0.jar']
  assert.deepEqual(aheadOf('').statements, jar)
  assert.deepEqual(aheadOf('<packaging>maven-plugin</packaging>').statements, jar)
  assert.deepEqual(aheadOf('<packaging>pom</packaging>').statements, [])
})

test('a POM with thousands of dependencies leads to 64 files at most, and one that is no XML is refused', () => {
  const many = Array.from({ length: 5_000 }, (_, at) => dependency(coordinates('org.many', `m${at}`, '1')))
  assert.equal(aheadOf(`<dependencies>${many.join('')}</dependencies>`).files.length, 64)
  assert.throws(() => maven.ahead?.(PATH, Buffer.from('<html><br></html>')), { code: 'untrusted.reply' })
})

test('the ecosystem knows what follows a POM by its path, and nothing of metadata', () => {
  const pom = Buffer.from(`<project><parent>${coordinates('org.example', 'parent', '7')}</parent></project>`)
  assert.deepEqual(maven.ahead?.(PATH, pom).files, ['/org/example/parent/7/parent-7.pom'])
  assert.deepEqual(maven.ahead?.('/org/example/lib/maven-metadata.xml', pom).files, [])
})

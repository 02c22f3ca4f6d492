import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitsSpecifiers, pinsOf, requiredNames, unfitRequirement } from './requirements.ts'

test('unfitRequirement() lets plain requirements pass, and no URL, file or option', () => {
  const fit = [
    'setuptools',
    'setuptools>=61.0',
    'setuptools >= 61.0, <70 ; python_version < "3.12"',
    'setuptools_scm[toml]~=8.0',
    'wheel (>=0.29)',
    'poetry-core==1.*',
    'cython===3.0.0',
  ]
  assert.equal(unfitRequirement(fit), undefined)
  for (const text of [
    'evil @ https://evil.example.com/evil.whl',
    'https://evil.example.com/evil.whl',
    './local',
    '-r other.txt',
    '--index-url=https://evil.example.com',
    'a\n--pre',
    'a; python_version < "3" # $HOME',
    'a\n>=1',
    '',
    'x'.repeat(501),
  ]) {
    assert.equal(unfitRequirement(['setuptools', text]), text)
  }
})

test('requiredNames() gives normal names', () => {
  assert.deepEqual(requiredNames(['Setuptools_SCM[toml]>=8', 'hatch-vcs ; x == "y"']), ['setuptools-scm', 'hatch-vcs'])
})

test('pinsOf() makes constraints of what a wheel says of its maker, and nothing of what it cannot know', () => {
  assert.deepEqual(pinsOf({ setuptools: '75.1.0' }), ['setuptools==75.1.0'])
  assert.deepEqual(pinsOf({ bdist_wheel: '0.43.0' }), ['wheel==0.43.0'])
  assert.deepEqual(pinsOf({ bdist_wheel: '0.40.0', setuptools: '<62.2' }), ['wheel==0.40.0', 'setuptools<62.2'])
  assert.deepEqual(pinsOf({ flit: '3.9.0', somebody: '1.0', hatchling: '0.0+local' }), ['flit_core==3.9.0'])
})

test('fitsSpecifiers() reads what Requires-Python holds', () => {
  for (const [specifiers, fits] of [
    ['>=3.8', true],
    ['>=3.8,<4', true],
    ['>=3.12', false],
    ['!=3.11.*', false],
    ['!=3.10.*,>2.7', true],
    ['~=3.9', true],
    ['~=3.9.1', false],
    ['==3.11.2', true],
    ['==3.1.*', false],
    ['<=3.11', false],
    ['', true],
    ['nonsense', false],
  ] as const) {
    assert.equal(fitsSpecifiers('3.11.2', specifiers), fits, specifiers)
  }
})

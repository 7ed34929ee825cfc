/** @file How the server's numbers are shown: values, ranges, and "?" where it was not sure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnsure, saidText } from '../../../src/web/amounts-said.js';

test('each kind is shown as people read it', () => {
  for (const [said, text] of /** @type {[import('../../../src/web/amounts-said.js').Said, string][]} */ ([
    [{ kind: 'money', value: '3.8', unit: 'CNY' }, '¥3.80'],
    [{ kind: 'money', value: '15-18', unit: 'CNY' }, '¥15–¥18'],
    [{ kind: 'quantity', value: '1200', unit: 'pcs' }, '1,200'],
    [{ kind: 'quantity', value: '12.5', unit: 'kg' }, '12.5 kg'],
    [{ kind: 'percent', value: '30' }, '30%'],
    [{ kind: 'discount', value: '20' }, '-20%'],
    [{ kind: 'size', value: '60×40×35', unit: 'cm' }, '60×40×35 cm'],
    [{ kind: 'phone', value: '+4915123' }, '+4915123'],
    [{ kind: 'code', value: '007' }, '007'],
    [{ kind: 'time', value: '14:30' }, '14:30'],
    [{ kind: 'mood', value: 'good' }, 'good'],
    [{ kind: 'number', value: 'odd' }, 'odd'],
  ])) {
    assert.equal(saidText(said, 'en'), text);
  }
});

test('what the server is not sure of is marked', () => {
  assert.equal(saidText({ kind: 'quantity', value: '50', doubtful: true, verified: true }, 'en'), '50 ?');
  assert.equal(isUnsure({ kind: 'number', value: '5', verified: false }), true);
  assert.equal(isUnsure({ kind: 'number', value: '5', verified: true }), false);
});

/** @file Amounts in captions, sentence by sentence: what must be found, and what must not be taken for an amount. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amounts, formatAmount, parseHan } from '../../../src/web/amounts.js';

/** @param {string} lang @param {string} text */
const read = (lang, text) => amounts(text, lang).map((a) => `${a.value}${a.unit ? ` ${a.unit}` : ''}`);

/** @type {[string, string, string[]][]} */
const FOUND = [
  ['zh', '这个3块8。', ['3.8 CNY']],
  ['zh', '这个三块八一个。', ['3.8 CNY']],
  ['zh', '三块八毛五', ['3.85 CNY']],
  ['zh', '三块半', ['3.5 CNY']],
  ['zh', '五毛钱', ['0.5 CNY']],
  ['zh', '一百二十块钱', ['120 CNY']],
  ['zh', '十块三个', ['10 CNY', '3 个']],
  ['zh', '10块3个', ['10 CNY', '3 个']],
  ['zh', '三块一斤', ['3 CNY', '1 斤']],
  ['zh', '给你便宜点，两千五一台', ['2500']],
  ['zh', '12.5元一公斤，起订100箱', ['12.5 CNY', '1 公斤', '100 箱']],
  ['zh', '要3万个，15天', ['30000 个', '15 天']],
  ['zh', '1,200美元', ['1200 USD']],
  ['zh', '打八折', ['8 折']],
  ['zh', '定金百分之三十', ['30 %']],
  ['zh', '￥99.9', ['99.9 CNY']],
  ['zh', '１２０元', ['120 CNY']],
  ['zh', '二十四双', ['24 双']],
  ['zh', '两个半小时', ['2.5 个']],
  ['en', 'It is $3.80 each.', ['3.8 USD']],
  ['en', 'That will be 1,200 dollars for 50 boxes.', ['1200 USD', '50 boxes']],
  ['en', '20 percent off', ['20 percent']],
  ['en', 'US$5, or 36 yuan', ['5 USD', '36 CNY']],
  ['en', '5kg', ['5 kg']],
  ['en', 'I can do 2.5 million yuan', ['2500000 CNY']],
  ['en', '120.', ['120']],
  ['de', 'Das kostet 1.200 Euro.', ['1200 EUR']],
  ['de', '3,80 € das Stück', ['3.8 EUR']],
  ['de', '1.234,56 Euro', ['1234.56 EUR']],
  ['fr', 'Cela fait 1 200 euros', ['1200 EUR']],
  ['fr', '1,250 kg', ['1.25 kg']],
  ['ru', 'Это стоит 1 500 рублей за 20 штук.', ['1500 RUB', '20 штук']],
  ['ru', '120 юаней', ['120 CNY']],
  ['ru', '5 тысяч долларов', ['5000 USD']],
  ['es', 'Son 1.500 pesos o 80 dólares', ['1500', '80 USD']],
  ['es', '20 cajas a 3,5 dólares', ['20 cajas', '3.5 USD']],
  ['pt', 'R$ 25,90 cada', ['25.9 BRL']],
  ['ar', 'السعر ١٢٠ يوان', ['120 CNY']],
  ['ar', '٣٫٥ دولار', ['3.5 USD']],
  ['hi', '१२० युआन', ['120 CNY']],
  ['hi', '5 हज़ार रुपये', ['5000 INR']],
  ['ja', '三千円です', ['3000 JPY']],
  ['ja', '1個120元です', ['1 個', '120 CNY']],
  ['ko', '3만 원입니다', ['30000 KRW']],
  ['ko', '120위안, 20개', ['120 CNY', '20 개']],
  ['vi', '350.000 đồng', ['350000 VND']],
  ['vi', '120 nhân dân tệ', ['120 CNY']],
];

for (const [lang, text, expected] of FOUND) {
  test(`${lang}: ${text}`, () => assert.deepEqual(read(lang, text), expected));
}

/** @type {[string, string][]} */
const NOTHING = [
  ['zh', '这是一个好东西'], ['zh', '我们一块去'], ['zh', '万一坏了呢'], ['zh', '十分好'], ['zh', '千万别'], ['zh', '四五十个'], ['zh', '第三个'],
  ['zh', '星期五'], ['zh', '十月'], ['zh', '十点半'], ['en', 'the A4 paper'], ['en', 'iPhone 15pro'], ['en', 'at 10:30'], ['en', 'on 2026-11-23'],
  ['en', 'the 22nd'], ['en', 'call 13800138000'], ['en', '1,20,0'], ['en', ''], ['zh', '零'], ['en', 'I have 3 ideas'],
];

for (const [lang, text] of NOTHING) {
  test(`${lang}: nothing in "${text}"`, () => assert.deepEqual(read(lang, text), []));
}

test('Chinese numerals', () => {
  for (const [run, value] of /** @type {[string, number | null][]} */ ([
    ['十', 10], ['十五', 15], ['二十', 20], ['一百零五', 105], ['一百五', 150], ['一千零八十', 1080], ['两千五', 2500], ['三万二', 32000],
    ['三万零二', 30002], ['一亿二千万', 120000000], ['三点一四', 3.14], ['五六', null], ['百', null], ['万', null], ['一百二百', null], ['点五', null],
  ])) {
    assert.equal(parseHan(run), value, run);
  }
});

test('a caption that still grows: an amount at its end is not whole yet', () => {
  const growing = (/** @type {string} */ lang, /** @type {string} */ text) => amounts(text, lang, false).map((a) => a.value);
  assert.deepEqual(growing('zh', '最低一万两'), []);
  assert.deepEqual(growing('zh', '最低一万两百块，'), [10200]);
  assert.deepEqual(growing('zh', '三块'), []);
  assert.deepEqual(growing('en', 'that is 12'), []);
  assert.deepEqual(growing('en', 'that is 12 dollars '), []);
  assert.deepEqual(growing('en', '5 dollars for 12'), [5]);
});

test('the same amount said twice is shown once', () => assert.deepEqual(read('en', '5 dollars. Yes, 5 dollars!'), ['5 USD']));

test('written with signs and in Western digits', () => {
  assert.equal(formatAmount({ kind: 'money', value: 3.8, unit: 'CNY' }, 'zh'), '¥3.80');
  assert.equal(formatAmount({ kind: 'money', value: 1200, unit: 'EUR' }, 'de'), '€1.200');
  assert.equal(formatAmount({ kind: 'money', value: 3000, unit: 'JPY' }, 'en'), '3,000 円');
  assert.match(formatAmount({ kind: 'quantity', value: 120, unit: 'حبة' }, 'ar'), /^120 حبة$/);
  assert.equal(formatAmount({ kind: 'quantity', value: 30, unit: '%' }, 'en'), '30%');
  assert.equal(formatAmount({ kind: 'number', value: 12.5, unit: null }, 'en'), '12.5');
});

test('hostile text does not take long or throw', () => {
  for (const text of ['9'.repeat(20000), '1,'.repeat(10000), '一'.repeat(20000), '块'.repeat(20000), '1 '.repeat(10000), '$'.repeat(20000)]) {
    assert.ok(Array.isArray(amounts(text.slice(0, 4000), 'zh')));
    assert.ok(Array.isArray(amounts(text.slice(0, 4000), 'fr')));
  }
});

/** Source sites: an equation says where the user made it, also after transformations. */
import { expect, test } from 'vitest';
import { configure, grad, makeProgram, np, type Tensor } from 'cotangent';

configure({ defaultDevice: 'reference' });

function mine(x: Tensor): Tensor {
  return np.sin(x);
}

const sites = (f: (x: Tensor) => Tensor): string[] => makeProgram(f)(1).equations.map((e) => String(e.site));

test('the site of an equation is the first frame outside the library', () => {
  expect(sites(mine)).toEqual([expect.stringMatching(/^mine \(.*site\.test\.ts:\d+:\d+\)$/)]);
});

test('what a derivative adds stands for the operation, or for the call that asked for the derivative', () => {
  const all = sites((x) => grad(mine)(x));
  expect(all.length).toBeGreaterThan(1);
  for (const s of all) expect(s).toContain('site.test.ts');
});

test('very long Programs record their first sites only', () => {
  const { equations } = makeProgram((x: Tensor) => {
    let y = x;
    for (let i = 0; i < 10_010; i++) y = y.mul(2);
    return y;
  })(1);
  expect(equations.findIndex((e) => e.site === undefined)).toBe(10_000);
});

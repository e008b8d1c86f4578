/** Prints where its equations were made. Run by `site-lines.test.ts` through a loader that compiles TypeScript. */
import { makeProgram, np, type Tensor } from 'cotangent';

interface Unseen {
  readonly erased: boolean;
}

const f = (x: Tensor): Tensor =>
  np.exp(
    np.sin(x), // line 10
  ); // line 9 is where exp is called

const flags: Unseen = { erased: true };
for (const { site, primitive } of makeProgram(f)(1).equations) console.log(primitive.name, String(site), flags.erased);

/**
 * Garbage collection on demand, in Node. Inside a synchronous loop no finalizer runs, and a WeakRef keeps its target until the end of the
 * job; Node lets us end that keeping early (a checkpoint of a microtask queue of our own does it) and ask for a collection. After that a
 * WeakRef tells the truth: what the program dropped is gone. Browsers offer nothing of the kind.
 * May import: nothing.
 * @module
 */

/** Collections may take a quarter of the time, unless memory is short. */
const restPerWork = 3;

interface Vm {
  createContext(sandbox: object, options: { microtaskMode: 'afterEvaluate' }): object;
  runInContext(code: string, context: object): unknown;
  runInNewContext(code: string): unknown;
}

interface NodeProcess {
  readonly versions?: { readonly node?: string };
  getBuiltinModule?(name: 'node:vm'): Vm | undefined;
  getBuiltinModule?(name: 'node:v8'): { setFlagsFromString(flag: string): void } | undefined;
}

export class Collector {
  private readonly endKeeping: () => void;
  private readonly gc: () => void;
  private restUntil = 0;

  constructor(endKeeping: () => void, gc: () => void) {
    this.endKeeping = endKeeping;
    this.gc = gc;
  }

  /** Whether the last collection is too recent, for the time it took. */
  get isResting(): boolean {
    return performance.now() < this.restUntil;
  }

  /** After this, `deref` of a WeakRef to anything unreachable gives undefined. */
  collect(): void {
    const start = performance.now();
    this.endKeeping();
    this.gc();
    const end = performance.now();
    this.restUntil = end + restPerWork * (end - start);
  }
}

/** The collector of this host; undefined outside Node. */
export function hostCollector(): Collector | undefined {
  const host = (globalThis as { process?: NodeProcess }).process;
  if (host?.versions?.node === undefined || host.getBuiltinModule === undefined) return undefined;
  const vm = host.getBuiltinModule('node:vm');
  const v8 = host.getBuiltinModule('node:v8');
  if (vm === undefined || v8 === undefined) return undefined;
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as (() => void) | undefined;
  const collector = typeof gc === 'function' ? new Collector(() => void vm.runInContext('0', context), gc) : undefined;
  return collector !== undefined && tellsTheTruth(collector) ? collector : undefined;
}

/** Whether a collection shows that an object just dropped is gone: checked once, since all of this rests on it. */
function tellsTheTruth(collector: Collector): boolean {
  const makeRef = (): WeakRef<object> => new WeakRef({ dropped: true });
  const ref = makeRef();
  collector.collect();
  return ref.deref() === undefined;
}

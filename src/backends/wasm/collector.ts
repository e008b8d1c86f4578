/**
 * Garbage collection on demand, in Node. Inside a synchronous loop no finalizer runs, and a WeakRef keeps its target until the end of the
 * job; Node lets us end that keeping early (a checkpoint of a microtask queue of our own does it) and ask for a collection. After that a
 * WeakRef tells the truth: what the program dropped is gone. Browsers offer nothing of the kind.
 * May import: nothing.
 * @module
 */

export interface Collector {
  /** Collects. When true, `deref` of a WeakRef to anything unreachable now gives undefined; false means that this cannot be had here. */
  collect(): boolean;
}

interface Vm {
  readonly createContext: (sandbox: object, options: { microtaskMode: 'afterEvaluate' }) => object;
  readonly runInContext: (code: string, context: object) => unknown;
}

interface V8 {
  readonly setFlagsFromString: (flag: string) => void;
}

interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule?: (name: string) => unknown;
}

class NodeCollector implements Collector {
  private readonly host: NodeProcess;
  /** Undefined until first needed, null when this Node does not do what we rely on. */
  private run: (() => void) | null | undefined;

  constructor(host: NodeProcess) {
    this.host = host;
  }

  collect(): boolean {
    if (this.run === undefined) {
      // The check is a collection.
      this.run = this.setUp();
      return this.run !== null;
    }
    if (this.run === null) return false;
    this.run();
    return true;
  }

  private setUp(): (() => void) | null {
    const vm = this.host.getBuiltinModule?.('node:vm') as Vm | undefined;
    const v8 = this.host.getBuiltinModule?.('node:v8') as V8 | undefined;
    if (vm === undefined || v8 === undefined) return null;
    const context = contextWithGc(vm, v8);
    const gc = (globalThis as { gc?: unknown }).gc ?? vm.runInContext('globalThis.gc', context);
    if (typeof gc !== 'function') return null;
    const run = (): void => {
      vm.runInContext('0', context);
      gc();
    };
    return tellsTheTruth(run) ? run : null;
  }
}

/** A context of our own, so that no other context or worker gets its `gc`. */
function contextWithGc(vm: Vm, v8: V8): object {
  const hasGc = 'gc' in globalThis;
  if (!hasGc) v8.setFlagsFromString('--expose-gc');
  try {
    return vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  } finally {
    if (!hasGc) v8.setFlagsFromString('--no-expose-gc');
  }
}

/** Whether a collection shows that an object just dropped is gone: checked once, since all of this rests on it. */
function tellsTheTruth(run: () => void): boolean {
  const drop = (): WeakRef<object> => new WeakRef({ isDropped: true });
  const ref = drop();
  run();
  return ref.deref() === undefined;
}

/** The collector of this host; undefined outside Node. */
export function hostCollector(): Collector | undefined {
  const host = (globalThis as { process?: NodeProcess }).process;
  return host?.versions?.node === undefined || host.getBuiltinModule === undefined
    ? undefined
    : new NodeCollector(host);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, but for what is given. */
export function environmentWith(given: Environment): Environment {
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...process.env, ...Object.fromEntries(named) };
}

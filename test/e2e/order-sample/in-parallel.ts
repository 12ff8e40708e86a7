/** Does all of it, at most `width` at once, and keeps the order of the results. */
export async function inParallel<T, R>(
  width: number,
  all: readonly T[],
  doOne: (one: T, place: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = all.entries();
  const worker = async (): Promise<void> => {
    for (const [place, one] of queue) results[place] = await doOne(one, place);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

// How many messages this process has published. A channel with confirms publishes by way of a plain one, so one place sees them all.
export function countPublishes({ Channel }) {
  let published = 0;
  const { publish } = Channel.prototype;
  Channel.prototype.publish = function (...args) {
    published++;
    return publish.apply(this, args);
  };
  return () => published;
}

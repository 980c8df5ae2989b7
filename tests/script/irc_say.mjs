// Somebody who chats: irc_say.mjs PORT NICK TEXT... joins #show, says each text
// there as soon as somebody else is in it, and leaves when the server has taken
// all of them.
import net from 'node:net';

const [port, nick, ...texts] = process.argv.slice(2);
const line = net.connect(Number(port), '127.0.0.1');
let heard = '';
let inside = false, heeded = false, said = false;

const sayAll = () => {
  if (!inside || !heeded || said) return;
  said = true;
  for (const text of texts) line.write(`PRIVMSG #show :${text}\r\n`);
  line.write('PING all-said\r\n');
};

line.setEncoding('utf8');
line.write(`NICK ${nick}\r\nUSER ${nick} 0 * :${nick}\r\n`);
line.on('data', (data) => {
  heard += data;
  const lines = heard.split('\r\n');
  heard = lines.pop();
  for (const one of lines) {
    if (one.startsWith('PING ')) line.write(`PONG ${one.slice(5)}\r\n`);
    if (/^\S+ 001 /.test(one)) line.write('JOIN #show\r\n');
    const names = /^\S+ 353 \S+ \S+ \S+ :(.*)$/.exec(one);
    if (names)
      heeded ||= names[1].trim().split(/ +/)
        .some((name) => name.replace(/^[@+]/, '') !== nick);
    if (/^:\S+ JOIN /.test(one) && !one.startsWith(`:${nick}!`)) heeded = true;
    if (/^\S+ 366 /.test(one)) inside = true;
    sayAll();
    if (/ PONG .*all-said/.test(one)) line.end('QUIT\r\n');
  }
});
line.on('close', () => process.exit(0));
line.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
setTimeout(() => process.exit(2), 60000).unref();

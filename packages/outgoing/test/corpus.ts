/** URLs that must not become endpoints: what people have used against other webhook senders, and neighbours of it. */
export const HOSTILE = [
  // loopback in every spelling that the URL standard reads
  ...['https://127.0.0.1/', 'https://127.0.0.1:8443/', 'https://127.1/', 'https://127.0.1/'],
  ...['https://2130706433/', 'https://0x7f000001/', 'https://0x7f.0x0.0x0.0x1/', 'https://0x7f.1/'],
  ...['https://017700000001/', 'https://0177.0.0.1/', 'https://0177.0.0.01/', 'https://127.0.0.1./'],
  ...['https://127.255.255.254/', 'https://①②⑦.⓪.⓪.①/', 'https://127。0。0。1/', 'https://%31%32%37.0.0.1/'],
  // "this host", broadcast, multicast, reserved
  ...['https://0.0.0.0/', 'https://0/', 'https://0.1.2.3/', 'https://255.255.255.255/', 'https://224.0.0.1/'],
  ...['https://239.255.255.250/', 'https://240.0.0.1/', 'https://192.0.0.192/', 'https://192.88.99.1/'],
  // private, shared, link-local, benchmark, documentation
  ...['https://10.0.0.1/', 'https://10.255.255.255/', 'https://172.16.0.1/', 'https://172.31.255.255/'],
  ...['https://192.168.0.1/', 'https://100.64.0.1/', 'https://100.127.255.254/', 'https://169.254.0.1/'],
  ...['https://198.18.0.1/', 'https://198.19.255.255/', 'https://192.0.2.1/', 'https://198.51.100.1/'],
  ...['https://203.0.113.1/', 'https://167772161/', 'https://0xa000001/', 'https://0300.0250.1.1/'],
  // metadata services
  ...['https://169.254.169.254/latest/meta-data/', 'https://2852039166/', 'https://0xa9fea9fe/'],
  ...['https://169.254.170.2/v2/credentials', 'https://168.63.129.16/', 'https://100.100.100.200/'],
  ...['https://[fd00:ec2::254]/', 'https://[::ffff:169.254.169.254]/', 'https://[64:ff9b::a9fe:a9fe]/'],
  // IPv6: loopback, unspecified, local, multicast, mapped, compatible, translated, tunnelled, special
  ...['https://[::1]/', 'https://[0:0:0:0:0:0:0:1]/', 'https://[::]/', 'https://[fe80::1]/'],
  ...['https://[fe80::1%25eth0]/', 'https://[fec0::1]/', 'https://[fc00::1]/', 'https://[fdff::1]/'],
  ...[
    'https://[ff02::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::127.0.0.1]/',
  ],
  ...['https://[::ffff:0:127.0.0.1]/', 'https://[64:ff9b:1::a00:1]/', 'https://[2002:7f00:1::]/'],
  ...['https://[2001::1]/', 'https://[2001:db8::1]/', 'https://[2001:2::1]/', 'https://[2001:10::1]/'],
  ...[
    'https://[2001:20::1]/',
    'https://[3fff::1]/',
    'https://[100::1]/',
    'https://[5f00::1]/',
    'https://[4000::1]/',
  ],
  ...['https://[::ffff:8.8.8.8]/'],
  // public address, wrong protocol
  ...[
    'http://8.8.8.8/',
    'http://hooks.example.com/',
    'ftp://8.8.8.8/',
    'file:///etc/passwd',
    'gopher://8.8.8.8/',
  ],
  ...['javascript:alert(1)', 'data:text/plain,x', 'unix:/var/run/docker.sock', 'wss://8.8.8.8/'],
  // who is called is not who is seen
  ...['https://user@8.8.8.8/', 'https://user:password@8.8.8.8/', 'https://hooks.example.com@127.0.0.1/'],
  ...['https://@8.8.8.8/', 'https://:@8.8.8.8/', 'https://8.8.8.8\\@127.0.0.1/', 'https:\\\\127.0.0.1/'],
  ...[
    'https://8.8.8.8/\r\nHost: inside',
    'https://8.8.8.8/\tx',
    ' https://8.8.8.8/',
    'https://8.8.8.8/\u200b',
  ],
  ...[
    'https://8.8.8.8/#@127.0.0.1',
    '//127.0.0.1/',
    '/relative',
    '',
    'https://',
    'https://[::1',
    'https://256.1.1.1/',
  ],
  // ports of other things
  ...['https://8.8.8.8:22/', 'https://8.8.8.8:25/', 'https://8.8.8.8:80/', 'https://8.8.8.8:0/'],
  ...['https://8.8.8.8:1023/', 'https://8.8.8.8:3306/', 'https://8.8.8.8:5432/', 'https://8.8.8.8:6379/'],
  ...['https://8.8.8.8:27017/', 'https://8.8.8.8:9200/', 'https://8.8.8.8:11211/', 'https://8.8.8.8:5672/'],
  ...['https://8.8.8.8:9092/', 'https://8.8.8.8:2375/', 'https://8.8.8.8:2379/', 'https://8.8.8.8:10250/'],
  ...['https://8.8.8.8:99999/', `https://8.8.8.8/${'a'.repeat(2_048)}`],
] as const;

/** Public, and told apart from their special neighbours. */
export const HARMLESS = [
  ...['https://8.8.8.8/', 'https://8.8.8.8:443/hook?a=b', 'https://8.8.8.8:8443/', 'https://1.1.1.1/'],
  ...['https://172.15.255.255/', 'https://172.32.0.1/', 'https://100.63.255.255/', 'https://100.128.0.1/'],
  ...['https://169.253.1.1/', 'https://198.17.255.255/', 'https://198.20.0.1/', 'https://223.255.255.254/'],
  ...['https://[2606:4700:4700::1111]/', 'https://[2a00:1450:4001::1]/'],
  ...['https://8.8.8.8/@path', 'https://8.8.8.8/?user=a@b'],
] as const;

/**
 * The real daemons and their configurations: what each is asked to announce to the recorder.
 *
 * Every daemon has one neighbour, the recorder, and announces a handful of routes with as many attributes as its configuration
 * language knows.
 */

export const RECORDER = { address: '10.9.0.100', as: 64500 }

const BIRD = `
router id 10.9.0.1;
log "/dev/null" all;
protocol device { }
protocol static s4 { ipv4; route 198.51.100.0/24 blackhole; route 198.51.101.0/25 blackhole; route 0.0.0.0/0 blackhole; }
protocol static s6 { ipv6; route 2001:db8:1::/48 blackhole; route 2001:db8:2::1/128 blackhole; }
filter announce {
  if net ~ [ 198.51.100.0/24 ] then {
    bgp_origin = ORIGIN_INCOMPLETE; bgp_med = 4294967295;
    bgp_community.add((64501,100)); bgp_community.add((65535,65281));
    bgp_ext_community.add((rt, 64501, 7)); bgp_ext_community.add((ro, 10.9.0.1, 8)); bgp_ext_community.add((rt, 4200000000, 9));
    bgp_large_community.add((4200000000, 1, 2)); bgp_path.prepend(4200000000); bgp_path.prepend(64501);
  }
  if net ~ [ 198.51.101.0/25 ] then { bgp_origin = ORIGIN_EGP; bgp_community.add((65535,0)); bgp_community.add((65535,666)); }
  accept;
}
protocol bgp recorder {
  local 10.9.0.1 as AS;
  neighbor 10.9.0.100 as 64500;
  strict bind yes; connect retry time 1; connect delay time 0;
  graceful restart on; long lived graceful restart on; enable extended messages on; OPTIONS
  ipv4 { import all; export filter announce; add paths on; extended next hop on; };
  ipv6 { import all; export filter announce; add paths tx; next hop address 2001:db8:9::1; };
}
`

const FRR = `
frr defaults traditional
hostname vector-frr
router bgp 64502
 bgp router-id 10.9.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 neighbor 10.9.0.100 remote-as 64500
 neighbor 10.9.0.100 timers connect 1
 neighbor 10.9.0.100 update-source 10.9.0.2
 neighbor 10.9.0.100 capability dynamic
 neighbor 10.9.0.100 capability extended-nexthop
 neighbor 10.9.0.100 local-role provider
 address-family ipv4 unicast
  network 198.51.100.0/24
  network 198.51.102.0/23
  aggregate-address 198.51.96.0/20 as-set
  neighbor 10.9.0.100 addpath-tx-all-paths
  neighbor 10.9.0.100 route-map out out
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48
  neighbor 10.9.0.100 activate
  neighbor 10.9.0.100 route-map out6 out
 exit-address-family
route-map out permit 10
 set metric 77
 set community 64502:1 no-advertise
 set large-community 64502:1:2 4200000000:0:4294967295
 set extcommunity rt 64502:3
 set as-path prepend 64502 4200000001
 set origin egp
route-map out6 permit 10
 set ipv6 next-hop global 2001:db8:9::2
 set community graceful-shutdown
`

const GOBGP = `
[global.config]
  as = 64503
  router-id = "10.9.0.3"
  port = 179
  local-address-list = ["10.9.0.3"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.9.0.100"
    peer-as = 64500
  [neighbors.transport.config]
    local-address = "10.9.0.3"
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 20
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 4
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "l2vpn-evpn"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-flowspec"
`

const OPENBGPD = `
AS 4200000004
router-id 10.9.0.4
fib-update no
listen on 10.9.0.4
network 198.51.100.0/24 set { community 64504:1 community NO_EXPORT large-community 4200000004:1:2 metric 5 ext-community rt 64504:9 prepend-self 2 }
network 198.51.104.0/22 set { community GRACEFUL_SHUTDOWN }
network 2001:db8:1::/48 set { community BLACKHOLE origin egp }
neighbor 10.9.0.100 {
  remote-as 64500
  local-address 10.9.0.4
  announce IPv4 unicast
  announce IPv6 unicast
  announce add-path send all
  announce add-path recv yes
  announce enhanced refresh yes
  announce restart yes
}
allow to any
allow from any
`

const EXABGP = `
neighbor 10.9.0.100 {
  router-id 10.9.0.5;
  local-address 10.9.0.5;
  local-as 64505;
  peer-as 64500;
  host-name vector-exabgp;
  domain-name example.net;
  capability { asn4 enable; route-refresh enable; graceful-restart 60; add-path send/receive; extended-message enable; operational enable; }
  family { ipv4 unicast; ipv6 unicast; ipv4 flow; }
  static {
    route 198.51.100.0/24 next-hop 10.9.0.5 origin egp med 5 as-path [ 64505 4200000000 [ 64510 64511 ] ] community [ 64505:1 no-export ] large-community [ 64505:1:2 ] extended-community [ target:64505:3 origin:10.9.0.5:4 ] path-information 1.2.3.4;
    route 198.51.100.0/24 next-hop 10.9.0.5 local-preference 300 aggregator ( 64505:10.9.0.5 ) atomic-aggregate path-information 5;
    route 198.51.105.0/24 next-hop 10.9.0.5 attribute [ 0x63 0xe0 0xdeadbeef ] aigp 12345;
    route 2001:db8:1::/48 next-hop 2001:db8:9::5 med 4294967295;
  }
  flow { route { match { destination 198.51.100.0/24; protocol tcp; destination-port =80; } then { discard; } } }
}
`

/** `start(dir)` gives the processes of a daemon; files are written before. */
export const PEERS = [
  {
    name: 'bird',
    version: ['bird', ['--version']],
    address: '10.9.0.1',
    as: 64501,
    files: { 'bird.conf': BIRD.replace('AS', '64501').replace('OPTIONS', 'multihop 2;') },
    start: (dir) => [['bird', ['-f', '-c', `${dir}/bird.conf`, '-s', `${dir}/bird.ctl`]]],
  },
  {
    name: 'bird-ibgp',
    version: ['bird', ['--version']],
    address: '10.9.0.1',
    as: 64500,
    files: { 'bird.conf': BIRD.replace('AS', '64500').replace('OPTIONS', 'rr client; rr cluster id 10.9.9.9;') },
    start: (dir) => [['bird', ['-f', '-c', `${dir}/bird.conf`, '-s', `${dir}/bird.ctl`]]],
  },
  {
    name: 'bird-as2',
    version: ['bird', ['--version']],
    address: '10.9.0.1',
    as: 64501,
    files: {
      'bird.conf': BIRD.replace('AS', '64501')
        .replace('OPTIONS', 'multihop 2; enable as4 off;')
        .replaceAll('add paths on;', '')
        .replace('add paths tx;', ''),
    },
    start: (dir) => [['bird', ['-f', '-c', `${dir}/bird.conf`, '-s', `${dir}/bird.ctl`]]],
  },
  {
    name: 'frr',
    version: ['/usr/lib/frr/bgpd', ['--version']],
    address: '10.9.0.2',
    as: 64502,
    files: { 'bgpd.conf': FRR },
    start: (dir) => [
      [
        '/usr/lib/frr/bgpd',
        [
          '-Z',
          '-S',
          '-n',
          '-l',
          '10.9.0.2',
          '-p',
          '179',
          '-f',
          `${dir}/bgpd.conf`,
          '-i',
          `${dir}/bgpd.pid`,
          '--vty_socket',
          dir,
          '-z',
          `${dir}/zserv.api`,
        ],
      ],
    ],
  },
  {
    name: 'gobgp',
    version: ['gobgpd', ['--version']],
    address: '10.9.0.3',
    as: 64503,
    files: { 'gobgpd.toml': GOBGP },
    start: (dir) => [['gobgpd', ['-f', `${dir}/gobgpd.toml`, '--api-hosts', '127.0.0.1:50051']]],
    afterwards: [
      [
        'gobgp',
        [
          'global',
          'rib',
          'add',
          '198.51.100.0/24',
          'nexthop',
          '10.9.0.3',
          'origin',
          'egp',
          'med',
          '9',
          'community',
          '64503:1,no-export',
          'large-community',
          '64503:1:2',
          'aspath',
          '4200000000,64510',
          'aigp',
          'metric',
          '77',
        ],
      ],
      ['gobgp', ['global', 'rib', 'add', '198.51.100.0/24', 'identifier', '9', 'nexthop', '10.9.0.3', 'rt', '64503:9']],
      ['gobgp', ['global', 'rib', 'add', '-a', 'ipv6', '2001:db8:1::/48', 'nexthop', '2001:db8:9::3']],
      [
        'gobgp',
        [
          'global',
          'rib',
          'add',
          '-a',
          'evpn',
          'macadv',
          '00:11:22:33:44:55',
          '198.51.100.7',
          'etag',
          '1',
          'label',
          '10',
          'rd',
          '64503:1',
          'rt',
          '64503:1',
          'nexthop',
          '10.9.0.3',
        ],
      ],
      [
        'gobgp',
        ['global', 'rib', 'add', '-a', 'ipv4-flowspec', 'match', 'destination', '198.51.100.0/24', 'then', 'discard'],
      ],
      ['gobgp', ['global', 'rib', 'del', '-a', 'ipv6', '2001:db8:1::/48']],
    ],
  },
  {
    name: 'openbgpd',
    version: ['bgpd', ['-V']],
    address: '10.9.0.4',
    as: 4200000004,
    files: { 'bgpd.conf': OPENBGPD },
    // Its processes lock themselves into this folder.
    folders: ['/run/openbgpd'],
    start: (dir) => [['/usr/sbin/bgpd', ['-d', '-f', `${dir}/bgpd.conf`]]],
  },
  {
    name: 'exabgp',
    version: ['exabgp', ['--version']],
    address: '10.9.0.5',
    as: 64505,
    env: {
      'exabgp.daemon.user': 'root',
      'exabgp.api.cli': 'false',
    },
    files: { 'exabgp.conf': EXABGP },
    start: (dir) => [['exabgp', [`${dir}/exabgp.conf`]]],
  },
]

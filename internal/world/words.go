package world

import "strings"

// list returns the words of a text.
func list(words string) []string { return strings.Fields(words) }

// The words of the world. Each family has many answers, equally common, so that guessing rarely succeeds.
var (
	names = list(`Anna Ben Carla David Emma Felix Greta Henry Ida Jonas Kate Leo Maria Nina Oscar Paula Quinn Rosa
		Simon Tina
		Ulla Victor Wanda Xaver Yara Zoe Adam Bella Chris Dora Edgar Fiona George Helen Igor Julia Karl Laura Max Nora
		Otto Petra Ralph Sarah Thomas Ursula Vera Walter Alice Bruno Clara Dennis Elsa Frank Gina Hugo Irene Jack Lena Mark`)
	jobs = list(`baker teacher farmer doctor sailor singer painter driver nurse cook tailor builder gardener dancer
		writer pilot
		hunter miner barber judge soldier plumber butcher fisher porter banker jeweller librarian carpenter mechanic`)
	cities = list(`Paris London Rome Berlin Madrid Vienna Oslo Lisbon Athens Dublin Prague Warsaw Cairo Delhi Tokyo
		Boston Lima
		Quito Havana Toronto Sydney Moscow Geneva Milan Naples Venice Munich Hamburg Porto Seville`)
	pets = list(`cat dog rabbit hamster parrot pony turtle goldfish mouse lamb hen duck kitten puppy frog snake
		lizard goose pigeon canary`)
	foods = list(`bread cheese soup rice apples honey fish pasta cake beans plums carrots eggs nuts pears tomatoes
		pancakes salad
		cherries potatoes`)
	animals = list(`lion tiger bear wolf fox deer eagle owl whale shark monkey zebra camel otter beaver badger
		hedgehog squirrel seal
		penguin crab bat mole raven swan spider ant bee worm snail`)
	homes = list(`jungle desert forest river sea mountains cave meadow lake swamp ice garden nest burrow hills valley
		field island reef snow`)
	prey = list(`grass leaves berries insects seeds roots meat flowers moss fruit mushrooms shrimp eggs corn acorns
		bark plankton nectar salmon mice`)
	things = list(`door table chair lamp boat cup hat coat ball kite book box bag clock bed bell bridge bus car cart
		curtain drum fence
		flag gate glove house jar jug key kettle ladder letter mirror pen pillow plate ring rope ship shirt shoe spoon
		tent wagon`)
	colours = list(`red blue green yellow black white brown grey pink purple orange golden silver violet scarlet
		turquoise beige cream olive navy`)
	opposites = list(`hot cold big small fast slow old young high low day night open closed full empty hard soft happy
		sad light dark
		long short loud quiet rich poor strong weak wet dry early late near far clean dirty thick thin sweet bitter
		first last up down left right war peace love hate buy sell push pull win lose laugh cry give take
		brave shy true false sharp blunt`)
	numbers = list(`one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
		seventeen
		eighteen nineteen twenty`)
	days   = list(`Monday Tuesday Wednesday Thursday Friday Saturday Sunday`)
	months = list(`January February March April May June July August September October November December`)
)

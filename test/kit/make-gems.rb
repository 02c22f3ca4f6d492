# Makes gems and the older indexes of a gem server for tests: `ruby make-gems.rb DIRECTORY SAMPLES.json`. SAMPLES is a list of
# {name, version, platform, dependencies: {name: requirement}, filler}. Writes gems/*.gem, quick/Marshal.4.8/*.gemspec.rz and
# the specs family; those that are there already stay as they are.
require 'fileutils'
require 'json'
require 'rubygems/package'
require 'tmpdir'
require 'zlib'

directory, samples = ARGV
Gem::DefaultUserInteraction.ui = Gem::SilentUI.new
marshal = "quick/Marshal.#{Gem.marshal_version}"
FileUtils.mkdir_p(["#{directory}/gems", "#{directory}/#{marshal}"])

JSON.parse(File.read(samples)).each do |sample|
  spec = Gem::Specification.new do |it|
    it.name = sample.fetch('name')
    it.version = sample.fetch('version')
    it.platform = sample['platform'] if sample['platform']
    it.summary = it.description = "sample #{it.name}"
    it.authors = ['Pyrsia']
    it.homepage = 'https://example.com/'
    it.license = 'MIT'
    it.date = '2026-01-01'
    it.required_ruby_version = '>= 2.7'
    (sample['dependencies'] || {}).each { |name, requirement| it.add_runtime_dependency(name, requirement) }
    it.files = ["lib/#{it.name}.rb"]
  end
  target = "#{directory}/gems/#{spec.full_name}.gem"
  next if File.exist?(target)
  Dir.mktmpdir do |scratch|
    Dir.chdir(scratch) do
      FileUtils.mkdir_p('lib')
      File.write(spec.files.first, "# #{'x' * (sample['filler'] || 100)}\n")
      FileUtils.mv(Gem::Package.build(spec, true), target)
    end
  end
  File.binwrite("#{directory}/#{marshal}/#{spec.full_name}.gemspec.rz", Zlib.deflate(Marshal.dump(spec)))
end

tuples = Dir["#{directory}/#{marshal}/*.rz"].sort.map do |file|
  spec = Marshal.load(Zlib.inflate(File.binread(file)))
  [spec.name, spec.version, spec.original_platform]
end
released, prereleases = tuples.partition { |_, version, _| !version.prerelease? }
latest = released.group_by { |name, _, platform| [name, platform] }.map { |_, all| all.max_by { |_, version, _| version } }
{ 'specs' => released, 'latest_specs' => latest, 'prerelease_specs' => prereleases }.each do |name, list|
  Zlib::GzipWriter.open("#{directory}/#{name}.#{Gem.marshal_version}.gz") { |io| io.write(Marshal.dump(list)) }
end
